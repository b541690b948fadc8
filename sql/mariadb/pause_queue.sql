-- Pauses a queue, which need not have a row; one that is paused already stays so since the same time.
INSERT INTO drip_queue (name, paused_at, created_at, updated_at)
VALUES (:name, COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE paused_at = COALESCE(paused_at, VALUES(paused_at)), updated_at = VALUES(updated_at)
