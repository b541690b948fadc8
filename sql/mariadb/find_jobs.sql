-- Finds jobs of one queue and priority that can be claimed, after a position, in their order. Without a lock: see pick_jobs.
-- As a comparison of rows that would be no range of the index, which would then be read from the head.
SELECT id, scheduled_at
FROM drip_job FORCE INDEX (drip_job_claim)
WHERE state = 'available' AND queue = :queue
  AND priority = :from_priority AND ((scheduled_at = :from_at AND id > :from_id) OR scheduled_at > :from_at)
  AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND (expires_at IS NULL OR expires_at > COALESCE(:now, UTC_TIMESTAMP(6)))
  -- Behind OR it stays out of the join, and is a table in memory with a key: with 1000 kinds JSON_CONTAINS took 280 ms for
  -- 1000 rows, this takes 12.
  AND (:kinds IS NULL OR kind IN (
      SELECT handled.kind
      FROM JSON_TABLE(:kinds, '$[*]' COLUMNS (
               kind VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS handled))
  AND (:suspects IS NULL OR (crash_count > 0) = (:suspects = 1))
  -- A key that is held while running, but not yet while available, may be taken by another. No NOT EXISTS: see due_jobs.
  AND (COALESCE(unique_states & 3, 0) <> 2 OR (
      SELECT 1 FROM drip_job AS holder WHERE holder.unique_active = drip_job.unique_key) IS NULL)
  AND NOT EXISTS (SELECT 1 FROM drip_queue WHERE name IN (:queue, '*') AND paused_at IS NOT NULL)
ORDER BY scheduled_at, id
LIMIT :limit
