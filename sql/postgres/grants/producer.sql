-- Inserts jobs, and replaces those that wait (on_duplicate); sees them, to tell duplicates; changes nothing else.
-- Run in the application's database, by somebody who may make roles; may be run again, and must be after a migration that adds tables.
-- Then for the user of the application: GRANT drip_producer TO …;
DO $$ BEGIN
    CREATE ROLE drip_producer NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE ON SCHEMA public TO drip_producer;
GRANT SELECT, INSERT, UPDATE ON drip_job TO drip_producer;
