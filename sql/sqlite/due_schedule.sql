-- The schedule after these that has been due for longest, locked; one that somebody else is at cannot be.
-- Its place comes first: of a row that was written by hand the rest may not be readable.
SELECT name, next_at, :now, {schedule}
FROM drip_schedule
WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= :now
  AND (next_at, name) > (:at, :after)
ORDER BY next_at, name
LIMIT 1
