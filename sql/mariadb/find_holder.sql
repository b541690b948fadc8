-- The job that holds a unique key. A locking read: under REPEATABLE READ any other would not see a job that was
-- committed after the transaction's snapshot.
SELECT {job} FROM drip_job WHERE unique_active = :unique_key LOCK IN SHARE MODE
