-- Takes a task's next run, if its row is still as it was read: what was decided from it holds then, however long ago that
-- was. (By comparing times only, of two who ask in the same moment the later one might think the clock set back.)
UPDATE drip_timetable
SET runner = :runner, lease_until = :until, runs = runs + 1, started_at = :at, next_at = :next_at
WHERE task = :task AND runs = :runs AND lease_until IS NOT DISTINCT FROM :lease_until
