-- Inserts a row of which everything is known; run again and again, without an answer.
--
-- SELECT, not VALUES: where the disk is full, the statement is then undone alone, and not the whole transaction.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral)
SELECT :state, :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, :scheduled_at, :created_at,
       :expires_at, :timeout_ms, :ephemeral
