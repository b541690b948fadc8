-- All schedules, by name.
SELECT {schedule} FROM drip_schedule ORDER BY name
