-- How the next job of a queue would be found.
EXPLAIN FORMAT = JSON SELECT id FROM drip_job FORCE INDEX (drip_job_claim)
WHERE state = 'available' AND queue = 'default'
ORDER BY priority, scheduled_at, id LIMIT 10
