-- The queues in which jobs are available: from each to the next in the index, not over their rows.
WITH RECURSIVE ready(queue) AS (
    (SELECT queue FROM drip_job WHERE state = 'available' ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM drip_job AS j WHERE j.state = 'available' AND j.queue > ready.queue ORDER BY j.queue LIMIT 1)
    FROM ready
    WHERE ready.queue IS NOT NULL
)
SELECT queue FROM ready WHERE queue IS NOT NULL
