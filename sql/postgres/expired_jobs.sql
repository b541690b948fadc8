-- Jobs that had to begin by now, and have not.
SELECT id
FROM drip_job
WHERE expires_at IS NOT NULL AND expires_at <= COALESCE(:now, statement_timestamp())
  AND state IN ('available', 'retryable', 'scheduled', 'pending')
LIMIT :limit
