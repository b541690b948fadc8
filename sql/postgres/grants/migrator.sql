-- Makes and changes the tables, which then are its own, and rebuilds their indexes. Migrate as nobody else.
-- Run in the application's database, by somebody who may make roles, before the first migration; may be run again.
-- Then for the user of the application: GRANT drip_migrator TO …;
DO $$ BEGIN
    CREATE ROLE drip_migrator NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO drip_migrator;
