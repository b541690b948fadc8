-- One row for each job that comes again and again: whoever moves it past a slot inserts the job of that slot.
CREATE TABLE IF NOT EXISTS drip_schedule (
    name         VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    every_ms     BIGINT       NULL,                         -- an interval, aligned to 1970 in UTC,
    offset_ms    BIGINT       NOT NULL DEFAULT 0,           -- moved by this,
    cron         VARCHAR(255) NULL,                         -- or a pattern,
    time_zone    VARCHAR(127) NULL,                         -- on the clocks of this zone
    kind         VARCHAR(127) NOT NULL,
    queue        VARCHAR(127) NOT NULL DEFAULT 'default',
    args         JSON         NOT NULL DEFAULT '{}',
    metadata     JSON         NOT NULL DEFAULT '{}',
    options      JSON         NOT NULL DEFAULT '{}',        -- priority, max_attempts, tags …, where they are not the usual
    catch_up     BIGINT       NOT NULL DEFAULT 1,           -- so many of the latest slots that were missed yield their jobs
    grace_ms     BIGINT       NOT NULL DEFAULT 60000,       -- a slot no later than this was not missed
    jitter_ms    BIGINT       NOT NULL DEFAULT 0,
    next_at      DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)), -- no slot before this yields a job any more
    last_slot_at DATETIME(6)  NULL,                         -- the latest slot that did
    last_job_id  BIGINT       NULL,
    paused_at    DATETIME(6)  NULL,
    retired_at   DATETIME(6)  NULL,                         -- since when its owner does not declare it any more
    owner        VARCHAR(127) NULL,
    created_at   DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at   DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    KEY drip_schedule_due (next_at, name),
    CONSTRAINT drip_schedule_name CHECK (OCTET_LENGTH(name) BETWEEN 1 AND 127),
    CONSTRAINT drip_schedule_rule CHECK ((every_ms IS NULL) <> (cron IS NULL) AND (cron IS NULL) = (time_zone IS NULL)),
    CONSTRAINT drip_schedule_catch_up CHECK (catch_up BETWEEN 0 AND 100)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
