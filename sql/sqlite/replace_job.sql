-- Puts a new job's content into one that has not started. It keeps at least one attempt.
UPDATE drip_job
SET state = CASE WHEN state = 'pending' THEN 'pending' WHEN :scheduled_at > :at THEN 'scheduled' ELSE 'available' END,
    priority = :priority, args = :args, metadata = :metadata, tags = :tags,
    max_attempts = max(:max_attempts, attempt + 1), scheduled_at = :scheduled_at, expires_at = :expires_at, timeout_ms = :timeout_ms
WHERE id = :id AND claim_seq = :claim_seq AND state IN ('available', 'scheduled', 'retryable', 'pending')
