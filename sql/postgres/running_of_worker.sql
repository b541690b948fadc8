-- What a worker is running, or was, in order of ids. `+ 0`: who knows the table from before it was large would go along all
-- ids, and hope to come to the limit soon.
SELECT id
FROM drip_job
WHERE state = 'running' AND attempted_by = :worker
ORDER BY id + 0
LIMIT :limit
