-- Sees everything, and changes nothing.
-- Run in the application's database, by somebody who may make roles and owns the tables; again after each migration that
-- adds some.
-- Then for the user of the application: GRANT drip_dashboard TO …; SET DEFAULT ROLE drip_dashboard FOR …;
CREATE ROLE IF NOT EXISTS drip_dashboard;
GRANT SELECT ON drip_job TO drip_dashboard;
GRANT SELECT ON drip_queue TO drip_dashboard;
GRANT SELECT ON drip_worker TO drip_dashboard;
GRANT SELECT ON drip_timetable TO drip_dashboard;
GRANT SELECT ON drip_schedule TO drip_dashboard;
GRANT SELECT ON drip_migration TO drip_dashboard;
