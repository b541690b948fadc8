DO RELEASE_LOCK(CONCAT('drip_migration.', LEFT(DATABASE(), 40)));
