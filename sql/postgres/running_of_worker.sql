-- What a worker is running, or was, in order of ids.
SELECT id
FROM drip_job
WHERE state = 'running' AND attempted_by = :worker
ORDER BY id
LIMIT :limit
