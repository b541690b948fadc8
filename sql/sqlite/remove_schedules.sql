-- Removes the schedules of an owner that it does not declare any more.
DELETE FROM drip_schedule
WHERE owner = :owner AND name NOT IN (SELECT value FROM json_each(:names))
