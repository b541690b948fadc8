-- How the next job of a queue would be found.
EXPLAIN SELECT id FROM drip_job
WHERE state = 'available' AND queue = 'default'
ORDER BY priority, scheduled_at, id LIMIT 10
