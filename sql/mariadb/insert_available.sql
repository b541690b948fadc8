-- Inserts one job that is available at once and unlike any other: most are.
INSERT INTO drip_job (created_at, scheduled_at, kind, queue, priority, args, metadata, tags, max_attempts, timeout_ms,
                      ephemeral)
VALUES (COALESCE(:now, UTC_TIMESTAMP(6)), created_at,
        -- If the transaction that the job should be part of is gone, it has no kind, and is refused with 1048.
        CASE WHEN NOT :callers OR @@in_transaction THEN :kind END,
        :queue, :priority, :args, :metadata, :tags, :max_attempts, :timeout_ms, :ephemeral)
RETURNING id, created_at
