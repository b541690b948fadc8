-- Jobs that had to begin by now, and have not.
SELECT id
FROM drip_job
WHERE expires_at IS NOT NULL AND expires_at <= :now
  AND state IN ('available', 'retryable', 'scheduled', 'pending')
LIMIT :limit
