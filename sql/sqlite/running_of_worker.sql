-- What a worker is running, or was, in order of ids; of its claims between these times.
SELECT id
-- The second condition on the state is the index's own, word for word: SQLite uses it for nothing less.
FROM drip_job INDEXED BY drip_job_state
WHERE state = 'running' AND state <> 'available' AND state <> 'completed' AND attempted_by = :worker
  AND (:since IS NULL OR attempted_at > :since)
  AND (:before IS NULL OR attempted_at < :before)
ORDER BY id
LIMIT :limit
