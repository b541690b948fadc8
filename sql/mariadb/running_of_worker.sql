-- What a worker is running, or was, in order of ids.
SELECT id
FROM drip_job FORCE INDEX (drip_job_due)
WHERE state = 'running' AND attempted_by = :worker
ORDER BY id
LIMIT :limit
