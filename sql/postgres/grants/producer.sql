-- Inserts jobs, and sees them, to tell duplicates. One that also replaces those that wait (on_duplicate) needs UPDATE, and
-- with it could change any.
-- Run in the application's database, by somebody who may make roles and owns the tables; again after each migration that
-- adds some.
-- Then for the user of the application: GRANT drip_producer TO …;
DO $$ BEGIN
    CREATE ROLE drip_producer NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO drip_producer;
GRANT SELECT, INSERT ON drip_job TO drip_producer;
