-- One beat of a worker's heart. No row: it was taken for dead, and its jobs were given to others.
UPDATE drip_worker
SET beats = beats + 1, heartbeat_at = COALESCE(:now, statement_timestamp()), claimed_at = CASE WHEN :claimed THEN COALESCE(:now, statement_timestamp()) ELSE claimed_at END
WHERE id = :worker
