-- The schedule after these that has been due for longest, locked; one that somebody else is at is passed over.
-- Through its index, in its order: a locking read that sorts locks every row it looks at.
-- Its place comes first: of a row that was written by hand the rest may not be readable.
SELECT name, next_at, COALESCE(:now, UTC_TIMESTAMP(6)), {schedule}
FROM drip_schedule FORCE INDEX (drip_schedule_due)
WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= COALESCE(:now, UTC_TIMESTAMP(6))
  AND (next_at, name) > (:at, :after)
ORDER BY next_at, name
LIMIT 1
FOR UPDATE SKIP LOCKED
