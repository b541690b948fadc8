-- Inserts one job; fails with 1062 if another holds its unique key, which leaves the transaction as it was.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral, unique_key, unique_states)
SELECT CASE WHEN :pending THEN 'pending' WHEN due.at > due.now THEN 'scheduled' ELSE 'available' END,
       :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, due.at, due.now,
       due.now + INTERVAL :ttl_us MICROSECOND, :timeout_ms, :ephemeral, :unique_key, :unique_states
FROM (SELECT now, COALESCE(:scheduled_at, now + INTERVAL :delay_us MICROSECOND, now) AS at
      FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock) AS due
-- No row if the transaction that it should be part of is gone.
WHERE NOT :callers OR @@in_transaction = 1
RETURNING id, state, scheduled_at, created_at, expires_at
