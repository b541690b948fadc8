-- What a worker is running, or was, in order of ids; of its claims that are later than this time.
SELECT id
FROM drip_job
WHERE state = 'running' AND attempted_by = :worker
  AND (:since IS NULL OR attempted_at > :since)
ORDER BY id
LIMIT :limit
