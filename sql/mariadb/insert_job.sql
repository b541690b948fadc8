-- Inserts one job; fails with 1062 if another holds its unique key, which leaves the transaction as it was.
--
-- VALUES, not SELECT: an `INSERT … SELECT` that waits for the holder of its key keeps the lock in front of the table's
-- ids meanwhile, so that nobody can insert anything, and the holder itself runs into a deadlock (1467).
INSERT INTO drip_job (created_at, scheduled_at, expires_at, state, kind, queue, priority, args, metadata, tags,
                      max_attempts, timeout_ms, ephemeral, unique_key, unique_states)
VALUES (COALESCE(:now, UTC_TIMESTAMP(6)),
        COALESCE(:scheduled_at, created_at + INTERVAL :delay_us MICROSECOND, created_at),
        created_at + INTERVAL :ttl_us MICROSECOND,
        CASE WHEN :pending THEN 'pending' WHEN scheduled_at > created_at THEN 'scheduled' ELSE 'available' END,
        -- If the transaction that the job should be part of is gone, it has no kind, and is refused with 1048.
        CASE WHEN NOT :callers OR @@in_transaction THEN :kind END,
        :queue, :priority, :args, :metadata, :tags, :max_attempts, :timeout_ms, :ephemeral, :unique_key, :unique_states)
RETURNING id, state, scheduled_at, created_at, expires_at
