-- Inserts rows that follow, in the binary format: by far the fastest way in.
COPY drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at, expires_at,
               timeout_ms, ephemeral)
FROM STDIN (FORMAT binary)
