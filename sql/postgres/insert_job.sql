-- Inserts one job; answers no row if another holds its unique key, without aborting the transaction. Of no other
-- conflict: one with an index of the application's own is an error.
WITH inserted AS (
    INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                          expires_at, timeout_ms, ephemeral, unique_key, unique_states)
    SELECT CASE WHEN :pending THEN 'pending' WHEN due.at > clock.now THEN 'scheduled' ELSE 'available' END,
           :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, due.at, clock.now,
           clock.now + :ttl_us * interval '1 microsecond', :timeout_ms, :ephemeral, :unique_key, :unique_states
    FROM (SELECT COALESCE(:now, statement_timestamp()) AS now) AS clock
    CROSS JOIN LATERAL
        (SELECT COALESCE(:scheduled_at, now + :delay_us * interval '1 microsecond', now) AS at) AS due
    ON CONFLICT (unique_key) WHERE {active} DO NOTHING
    RETURNING id, state, queue, scheduled_at, created_at, expires_at
)
SELECT id, state, scheduled_at, created_at, expires_at,
       -- In a caller's transaction the notification is part of it; the server sends equal ones once.
       CASE WHEN :notify AND state = 'available' THEN pg_notify('drip_wake', queue) END
FROM inserted
