-- Locks due jobs, but for those that wait for a unique key which another holds.
SELECT id, IF(unique_states & 1 = 1, unique_key, NULL)
FROM drip_job FORCE INDEX (drip_job_due)
WHERE state = :state AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND (COALESCE(unique_states & 1, 0) = 0 OR unique_active IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM drip_job AS holder WHERE holder.unique_active = drip_job.unique_key))
ORDER BY scheduled_at
LIMIT :limit
FOR UPDATE SKIP LOCKED
