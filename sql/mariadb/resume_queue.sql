-- Resumes a queue, which need not have a row.
INSERT INTO drip_queue (name, created_at, updated_at)
VALUES (:name, COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE paused_at = NULL, updated_at = VALUES(updated_at)
