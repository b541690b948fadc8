-- How a task stands.
SELECT next_at, runner, lease_until, runs
FROM drip_timetable
WHERE task = :task
