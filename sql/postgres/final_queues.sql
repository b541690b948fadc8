-- The next queues, by name, in which jobs have ended in this state, and when the first of them did: from each to the next in
-- the index, not over their rows.
WITH RECURSIVE final(queue, oldest) AS (
    (SELECT queue, finalized_at FROM drip_job
     WHERE state = :state AND state IN ('completed', 'discarded', 'cancelled') AND queue > :after
     ORDER BY queue, finalized_at LIMIT 1)
    UNION ALL
    SELECT next.queue, next.finalized_at
    FROM final CROSS JOIN LATERAL (
        SELECT j.queue, j.finalized_at FROM drip_job AS j
        WHERE j.state = :state AND j.state IN ('completed', 'discarded', 'cancelled') AND j.queue > final.queue
        ORDER BY j.queue, j.finalized_at LIMIT 1) AS next
)
SELECT queue, oldest FROM final LIMIT :limit
