-- Picks the jobs of a stretch of one queue that can be claimed, up to a limit; the transaction is the only writer. With
-- mark_jobs that is less work than one UPDATE … RETURNING: 2.0 instead of 2.2 µs a job.
SELECT id, claim_seq
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
