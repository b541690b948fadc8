-- Makes due jobs available. One that waits for a unique key which another holds stays as it is, and of several with the
-- same key the first one goes. OFFSET 0 is as in claim_jobs.
WITH due AS (
    SELECT id, unique_key, unique_states
    FROM drip_job
    WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= COALESCE(:now, statement_timestamp())
      AND (COALESCE(unique_states & 1, 0) = 0 OR ({active}) OR NOT EXISTS (
          SELECT 1 FROM drip_job AS holder WHERE holder.unique_key = drip_job.unique_key AND {active} OFFSET 0))
    ORDER BY scheduled_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE drip_job
SET state = 'available'
WHERE id = ANY (ARRAY(
    SELECT min(id) FROM due GROUP BY CASE WHEN unique_states & 1 = 1 THEN unique_key END,
                                     CASE WHEN unique_states & 1 = 1 AND unique_key IS NOT NULL THEN 0 ELSE id END))
