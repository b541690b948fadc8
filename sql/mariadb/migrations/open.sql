-- Whoever migrates next waits here, up to a minute, until this connection gives the lock back or is gone. The lock is
-- the server's: the name of the database makes it this one's.
DO GET_LOCK(CONCAT('drip_migration.', LEFT(DATABASE(), 40)), 60);
CREATE TABLE IF NOT EXISTS drip_migration (
    version    BIGINT      NOT NULL PRIMARY KEY,
    applied_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
