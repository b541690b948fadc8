-- One row for each task of upkeep: whoever moves it to its next run does this one.
CREATE TABLE IF NOT EXISTS drip_timetable (
    task        VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    next_at     DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    runner      VARCHAR(255) NULL,                          -- who does it at the moment
    lease_until DATETIME(6)  NULL,                          -- until when that one is believed to be at it
    runs        BIGINT       NOT NULL DEFAULT 0,            -- the fence: one more at every run
    started_at  DATETIME(6)  NULL,
    finished_at DATETIME(6)  NULL,
    changed     BIGINT       NULL,                          -- how many rows the latest run that ended has changed
    error       TEXT         NULL,                          -- why it failed, if it did
    CONSTRAINT drip_timetable_task CHECK (OCTET_LENGTH(task) BETWEEN 1 AND 127)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
