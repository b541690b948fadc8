-- The next queue in which jobs are available, by name. One at a time: that is a look into the index, while everything
-- that would find them all at once reads all available jobs.
SELECT queue
FROM (SELECT min(queue) AS queue FROM drip_job WHERE state = 'available' AND queue > :after) AS next
WHERE queue IS NOT NULL
