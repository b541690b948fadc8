-- Writes what has been changed in a job that was read under a lock and is not running.
UPDATE drip_job
SET state = :state, queue = :queue, priority = :priority, args = :args, metadata = :metadata, tags = :tags,
    max_attempts = :max_attempts, scheduled_at = :scheduled_at, expires_at = :expires_at, timeout_ms = :timeout_ms,
    ephemeral = :ephemeral
WHERE id = :id AND claim_seq = :claim_seq AND state <> 'running'
