-- The time, and how a task stands.
SELECT :now, next_at, runner, lease_until, runs
FROM drip_timetable
WHERE task = :task
