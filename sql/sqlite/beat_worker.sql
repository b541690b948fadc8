-- One beat of a worker's heart. No row: it was taken for dead, and its jobs were given to others.
UPDATE drip_worker
SET beats = beats + 1, heartbeat_at = :now, claimed_at = CASE WHEN :claimed THEN :now ELSE claimed_at END
WHERE id = :worker
