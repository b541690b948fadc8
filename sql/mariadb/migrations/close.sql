-- For a connection of the application's that does not commit by itself.
COMMIT;
DO RELEASE_LOCK(CONCAT('drip_migration.', LEFT(DATABASE(), 40)));
