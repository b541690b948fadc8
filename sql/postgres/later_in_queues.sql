-- In which queues the jobs wait that are to be available later, of those that will be the first, up to a limit.
SELECT queue, state, count(*)
FROM (SELECT queue, state FROM drip_job WHERE state IN ('scheduled', 'retryable') ORDER BY scheduled_at LIMIT :limit) AS later
GROUP BY queue, state
