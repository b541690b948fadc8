-- Gives a queue this metadata, and a row if it has none.
INSERT INTO drip_queue (name, metadata, created_at, updated_at)
VALUES (:name, :metadata, COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE metadata = VALUES(metadata), updated_at = VALUES(updated_at)
