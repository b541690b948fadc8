-- The next queues, by name, in which jobs have ended in this state, and when the first of them did: from each to the next in
-- the index, not over their rows. By state and queue at once, as the index has them: of one state alone the planner may expect
-- so few that it reads all of them, and sorts. Not beyond the state, where rows may lie that are deleted and not yet cleared
-- away (3 s for as many millions).
WITH RECURSIVE final(queue, oldest) AS (
    (SELECT queue, finalized_at FROM drip_job
     WHERE state IN ('completed', 'discarded', 'cancelled') AND (state, queue) > (:final, :after) AND state <= :final
     ORDER BY state, queue, finalized_at LIMIT 1)
    UNION ALL
    SELECT next.queue, next.finalized_at
    FROM final CROSS JOIN LATERAL (
        SELECT j.queue, j.finalized_at FROM drip_job AS j
        WHERE j.state IN ('completed', 'discarded', 'cancelled') AND (j.state, j.queue) > (:final, final.queue) AND j.state <= :final
        ORDER BY j.state, j.queue, j.finalized_at LIMIT 1) AS next
)
SELECT queue, oldest FROM final LIMIT :limit
