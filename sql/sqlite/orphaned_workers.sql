-- Who has jobs running, and is no worker that lives.
SELECT DISTINCT attempted_by
-- The second condition on the state is the index's own, word for word: SQLite uses it for nothing less.
FROM drip_job INDEXED BY drip_job_state
WHERE state = 'running' AND state <> 'available' AND state <> 'completed' AND attempted_by IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM drip_worker WHERE drip_worker.id = drip_job.attempted_by)
LIMIT 100
