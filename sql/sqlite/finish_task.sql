-- Ends a run, if it is still this one, and still this runner's.
UPDATE drip_timetable
SET runner = NULL, lease_until = NULL, finished_at = :now, changed = :changed, error = :error
WHERE task = :task AND runs = :runs AND runner = :runner
