-- The queues in which jobs are available: from each to the next in the index, not over their rows.
WITH RECURSIVE ready(queue) AS (
    SELECT min(queue) FROM drip_job WHERE state = 'available'
    UNION ALL
    SELECT (SELECT min(j.queue) FROM drip_job AS j WHERE j.state = 'available' AND j.queue > ready.queue)
    FROM ready
    WHERE ready.queue IS NOT NULL
)
SELECT queue FROM ready WHERE queue IS NOT NULL
