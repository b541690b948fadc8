-- Inserts one job that is available at once and unlike any other: most are.
INSERT INTO drip_job (queue, kind, priority, args, metadata, tags, max_attempts, timeout_ms, ephemeral,
                      scheduled_at, created_at)
VALUES (:queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, :timeout_ms, :ephemeral, :now, :now)
RETURNING id, created_at
