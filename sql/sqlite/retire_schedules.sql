-- The schedules of an owner that it does not declare any more yield nothing until it does again.
UPDATE drip_schedule SET retired_at = :now
WHERE owner = :owner AND retired_at IS NULL AND name NOT IN (SELECT value FROM json_each(:names))
