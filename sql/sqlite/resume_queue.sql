-- Resumes a queue, which need not have a row.
INSERT INTO drip_queue (name, created_at, updated_at)
VALUES (:name, :now, :now)
ON CONFLICT (name) DO UPDATE SET paused_at = NULL, updated_at = excluded.updated_at
