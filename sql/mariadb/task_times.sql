-- The time, and how a task stands.
SELECT COALESCE(:now, UTC_TIMESTAMP(6)), next_at, runner, lease_until, runs
FROM drip_timetable
WHERE task = :task
