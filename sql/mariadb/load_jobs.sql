-- Inserts a row of which everything is known; run again and again, without an answer.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral)
VALUES (:state, :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, :scheduled_at, :created_at,
        :expires_at, :timeout_ms, :ephemeral)
