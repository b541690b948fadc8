-- The schedule after these that has been due for longest, locked; one that somebody else is at is passed over.
SELECT {schedule}, COALESCE(:now, statement_timestamp())
FROM drip_schedule
WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= COALESCE(:now, statement_timestamp())
  AND (next_at, name) > (:at, :after)
ORDER BY next_at, name
LIMIT 1
FOR UPDATE SKIP LOCKED
