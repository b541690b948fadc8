-- Who has jobs running, and is no worker that lives.
SELECT DISTINCT attempted_by
FROM drip_job
WHERE state = 'running' AND attempted_by IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM drip_worker WHERE drip_worker.id = drip_job.attempted_by)
LIMIT 100
