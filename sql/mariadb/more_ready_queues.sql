-- All further queues in which jobs are available, by name. By the statistics MariaDB decides whether to go from each to the next
-- in the index, or over all their jobs: for 10,000 queues with 80,000 jobs that took 12 and 18 ms, and ready_queues, asked for
-- each, half a second. While a worker drained them so, it asked 208,000 times.
SELECT queue
FROM drip_job FORCE INDEX (drip_job_claim)
WHERE state = 'available' AND queue > :after
GROUP BY state, queue
ORDER BY state, queue
