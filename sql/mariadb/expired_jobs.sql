-- Jobs that had to begin by now, and have not.
SELECT id
FROM drip_job FORCE INDEX (drip_job_expiring)
WHERE expires_at IS NOT NULL AND expires_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND state IN ('available', 'retryable', 'scheduled', 'pending')
LIMIT :limit
