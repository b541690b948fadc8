-- One job.
SELECT {job} FROM drip_job WHERE id = :id
