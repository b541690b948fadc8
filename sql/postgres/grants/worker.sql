-- Runs jobs, fires schedules and does the upkeep, but for rebuilding indexes, which is the owner's.
-- Run in the application's database, by somebody who may make roles and owns the tables; again after each migration that
-- adds some.
-- Then for the user of the application: GRANT drip_worker TO …;
DO $$ BEGIN
    CREATE ROLE drip_worker NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO drip_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON drip_job TO drip_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON drip_queue TO drip_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON drip_worker TO drip_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON drip_timetable TO drip_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON drip_schedule TO drip_worker;
