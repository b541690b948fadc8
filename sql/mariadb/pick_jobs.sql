-- Locks the jobs of a stretch of one queue that can be claimed, up to a limit, stepping over those that others have locked.
--
-- The stretch begins after (from_priority, from_at, from_id). As a comparison of rows that would be no range of the index,
-- which would then be read from the head; so a stretch that begins within a priority must end with it.
SELECT {job}, COALESCE(:now, UTC_TIMESTAMP(6))
FROM drip_job FORCE INDEX (drip_job_claim)
WHERE state = 'available' AND queue = :queue
  AND priority >= :from_priority AND priority <= :to_priority
  AND ((scheduled_at = :from_at AND id > :from_id) OR scheduled_at > :from_at)
  AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND (expires_at IS NULL OR expires_at > COALESCE(:now, UTC_TIMESTAMP(6)))
  AND (:kinds IS NULL OR JSON_CONTAINS(:kinds, JSON_QUOTE(kind)))
  AND (:suspects IS NULL OR (crash_count > 0) = (:suspects = 1))
  -- A key that is held while running, but not yet while available, may be taken by another. No NOT EXISTS: see due_jobs.
  AND (COALESCE(unique_states & 3, 0) <> 2 OR (
      SELECT 1 FROM drip_job AS holder WHERE holder.unique_active = drip_job.unique_key) IS NULL)
  AND NOT EXISTS (SELECT 1 FROM drip_queue WHERE name IN (:queue, '*') AND paused_at IS NOT NULL)
ORDER BY priority, scheduled_at, id
LIMIT :limit
FOR UPDATE SKIP LOCKED
