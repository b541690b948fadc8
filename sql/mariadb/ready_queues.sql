-- The next queue in which jobs are available, by name: a look into the index, however many jobs each of them holds. Where there
-- are more than a few queues: more_ready_queues. Where the mode EMPTY_STRING_IS_NULL is on, the first is asked for with NULL.
SELECT queue
FROM (SELECT min(queue) AS queue FROM drip_job WHERE state = 'available' AND queue > COALESCE(:after, _utf8mb4 X'')) AS next
WHERE queue IS NOT NULL
