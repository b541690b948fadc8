-- The next queues, by name, in which jobs have ended in this state, and when the first of them did: from each to the next in
-- the index, not over their rows.
WITH RECURSIVE final(queue) AS (
    SELECT min(queue) FROM drip_job INDEXED BY drip_job_final
    WHERE state = :final AND finalized_at IS NOT NULL AND queue > :after
    UNION ALL
    SELECT (SELECT min(j.queue) FROM drip_job AS j INDEXED BY drip_job_final
            WHERE j.state = :final AND j.finalized_at IS NOT NULL AND j.queue > final.queue)
    FROM final
    WHERE final.queue IS NOT NULL
)
SELECT queue, (SELECT min(finalized_at) FROM drip_job INDEXED BY drip_job_final
               WHERE state = :final AND finalized_at IS NOT NULL AND drip_job.queue = final.queue)
FROM final
WHERE queue IS NOT NULL
LIMIT :limit
