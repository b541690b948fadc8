-- Gives a queue this metadata, and a row if it has none.
INSERT INTO drip_queue (name, metadata, created_at, updated_at)
VALUES (:name, :metadata, :now, :now)
ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata, updated_at = excluded.updated_at
