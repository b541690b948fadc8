-- The schedule after these that has been due for longest, locked; one that somebody else is at is passed over.
-- Through its index, in its order: a locking read that sorts locks every row it looks at.
SELECT {schedule}, COALESCE(:now, UTC_TIMESTAMP(6))
FROM drip_schedule FORCE INDEX (drip_schedule_due)
WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND (next_at, name) > (:at, :after)
ORDER BY next_at, name
LIMIT 1
FOR UPDATE SKIP LOCKED
