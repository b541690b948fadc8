-- The schedule after these that has been due for longest, locked; one that somebody else is at cannot be.
SELECT {schedule}, :now
FROM drip_schedule
WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= :now
  AND (next_at, name) > (:at, :after)
ORDER BY next_at, name
LIMIT 1
