-- Says that a runner is still at all that it does. Of what it has begun after the time was asked for that knows nothing: it
-- would take it back, and the lease of a run might be over before the run is.
UPDATE drip_timetable SET lease_until = :until WHERE runner = :runner AND started_at <= :at
