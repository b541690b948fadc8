-- The next queue, by name, in which jobs have ended in this state, and when the first of them did: a look into the index;
-- see ready_queues.
SELECT queue, finalized_at
FROM drip_job FORCE INDEX (drip_job_final)
WHERE state = :final AND queue > COALESCE(:after, _utf8mb4 X'')
ORDER BY queue, finalized_at
LIMIT 1
