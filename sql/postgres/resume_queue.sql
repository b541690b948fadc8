-- Resumes a queue, which need not have a row.
INSERT INTO drip_queue (name, created_at, updated_at)
VALUES (:name, COALESCE(:now, statement_timestamp()), COALESCE(:now, statement_timestamp()))
ON CONFLICT (name) DO UPDATE SET paused_at = NULL, updated_at = excluded.updated_at
-- In a caller's transaction the notification is part of it.
RETURNING CASE WHEN :notify THEN pg_notify('drip_wake', name) END
