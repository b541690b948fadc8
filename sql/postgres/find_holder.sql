-- The job that holds a unique key.
SELECT {job} FROM drip_job WHERE unique_key = :unique_key AND {active}
