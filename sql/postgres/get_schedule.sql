-- One schedule.
SELECT {schedule} FROM drip_schedule WHERE name = :name
