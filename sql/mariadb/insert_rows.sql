-- Inserts rows of which everything is known but their ids. The row is repeated as often as there are rows; where all have
-- the default, that is what stands in it.
--
-- VALUES, not SELECT: an `INSERT … SELECT` keeps the lock in front of the table's ids until it ends.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral)
VALUES (:state, :queue, :kind, :priority, :args, :metadata, :tags, :max_attempts, :scheduled_at, :created_at,
        :expires_at, :timeout_ms, :ephemeral)
RETURNING id
