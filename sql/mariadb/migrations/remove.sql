DROP TABLE IF EXISTS drip_migration;
