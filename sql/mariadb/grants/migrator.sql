-- Makes and changes the tables, which then are its own, and rebuilds their indexes. Migrate as nobody else.
-- Run in the application's database, by somebody who may make roles, before the first migration; may be run again.
-- Then for the user of the application: GRANT drip_migrator TO …; SET DEFAULT ROLE drip_migrator FOR …;
CREATE ROLE IF NOT EXISTS drip_migrator;
GRANT CREATE, ALTER, DROP, INDEX, SELECT, INSERT, UPDATE, DELETE ON * TO drip_migrator;
