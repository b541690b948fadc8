-- Says that a runner is still at all that it does.
UPDATE drip_timetable SET lease_until = :until WHERE runner = :runner
