-- Inserts one job; answers no row if another holds its unique key, and only then: a conflict with an index of the
-- application's own is an error.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral, unique_key, unique_states)
SELECT CASE WHEN :pending THEN 'pending' WHEN COALESCE(:scheduled_at, :now) > :now THEN 'scheduled' ELSE 'available' END,
       :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, COALESCE(:scheduled_at, :now), :now,
       :expires_at, :timeout_ms, :ephemeral, :unique_key, :unique_states
WHERE true
ON CONFLICT (unique_key) WHERE {active} DO NOTHING
RETURNING id, state, scheduled_at, created_at, expires_at
