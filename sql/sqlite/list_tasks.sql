-- The timetable.
SELECT task, next_at, runner, lease_until, runs, started_at, finished_at, changed, error FROM drip_timetable ORDER BY task
