-- Claims jobs of a stretch of one queue, up to a limit, and says which.
-- An attempt that somebody wrote by hand is brought into range: it must not fail the claim of all the others.
UPDATE drip_job
SET state = 'running', attempt = min(max(attempt, 0), 4294967294) + 1, claim_seq = claim_seq + 1,
    attempted_at = :now, attempted_by = :worker
WHERE id IN (
    SELECT id
    FROM drip_job INDEXED BY drip_job_claim
    WHERE state = 'available' AND queue = :queue
      AND (priority, scheduled_at, id) > (:from_priority, :from_at, :from_id)
      AND priority <= :to_priority
      AND scheduled_at <= :now
      AND (expires_at IS NULL OR expires_at > :now)
      AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
      AND (:suspects IS NULL OR (crash_count > 0) = (:suspects = 1))
      -- A key that is held while running, but not yet while available, may be taken by another.
      AND (COALESCE(unique_states & 3, 0) <> 2 OR NOT EXISTS (
          SELECT 1 FROM drip_job AS holder WHERE holder.unique_key = drip_job.unique_key AND {active}))
      AND NOT EXISTS (SELECT 1 FROM drip_queue WHERE name IN (:queue, '*') AND paused_at IS NOT NULL)
    ORDER BY priority, scheduled_at, id
    LIMIT :limit
)
RETURNING {job}
