-- The next queues, by name, in which jobs have ended in this state, and when the first of them did: from each to the next in
-- the index, not over their rows. By state and queue at once, as the index has them: of one state alone the planner may expect
-- so few that it reads all of them, and sorts.
WITH RECURSIVE final(state, queue, oldest) AS (
    (SELECT state, queue, finalized_at FROM drip_job
     WHERE state IN ('completed', 'discarded', 'cancelled') AND (state, queue) > (:final, :after)
     ORDER BY state, queue, finalized_at LIMIT 1)
    UNION ALL
    SELECT next.state, next.queue, next.finalized_at
    FROM final CROSS JOIN LATERAL (
        SELECT j.state, j.queue, j.finalized_at FROM drip_job AS j
        WHERE j.state IN ('completed', 'discarded', 'cancelled') AND (j.state, j.queue) > (final.state, final.queue)
        ORDER BY j.state, j.queue, j.finalized_at LIMIT 1) AS next
    WHERE final.state = :final
)
SELECT queue, oldest FROM final WHERE state = :final LIMIT :limit
