-- Removes a job that was read under a lock and is not running.
DELETE FROM drip_job WHERE id = :id AND claim_seq = :claim_seq AND state <> 'running'
