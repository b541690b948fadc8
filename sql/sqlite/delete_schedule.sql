-- Removes a schedule.
DELETE FROM drip_schedule WHERE name = :name
