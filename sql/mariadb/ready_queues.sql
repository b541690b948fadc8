-- The next queue in which jobs are available, by name. One at a time: that is a look into the index, while everything
-- that would find them all at once reads all available jobs. Where the mode EMPTY_STRING_IS_NULL is on, the first is asked
-- for with NULL.
SELECT queue
FROM (SELECT min(queue) AS queue FROM drip_job WHERE state = 'available' AND queue > COALESCE(:after, _utf8mb4 X'')) AS next
WHERE queue IS NOT NULL
