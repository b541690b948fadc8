-- One row for each job that comes again and again: whoever moves it past a slot inserts the job of that slot.
CREATE TABLE drip_schedule (
    name         TEXT PRIMARY KEY NOT NULL,
    every_ms     INTEGER,                                   -- an interval, aligned to 1970 in UTC,
    offset_ms    INTEGER NOT NULL DEFAULT 0,                -- moved by this,
    cron         TEXT,                                      -- or a pattern,
    time_zone    TEXT,                                      -- on the clocks of this zone
    kind         TEXT NOT NULL,
    queue        TEXT NOT NULL DEFAULT 'default',
    args         TEXT NOT NULL DEFAULT '{}',
    metadata     TEXT NOT NULL DEFAULT '{}',
    options      TEXT NOT NULL DEFAULT '{}',                -- priority, max_attempts, tags …, where they are not the usual
    catch_up     INTEGER NOT NULL DEFAULT 1,                -- so many of the latest slots that were missed yield their jobs
    grace_ms     INTEGER NOT NULL DEFAULT 60000,            -- a slot no later than this was not missed
    jitter_ms    INTEGER NOT NULL DEFAULT 0,
    next_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')), -- no slot before this yields a job any more
    last_slot_at TEXT,                                      -- the latest slot that did
    last_job_id  INTEGER,
    paused_at    TEXT,
    retired_at   TEXT,                                      -- since when its owner does not declare it any more
    owner        TEXT,
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    CHECK (length(CAST(name AS BLOB)) BETWEEN 1 AND 127),
    CHECK ((every_ms IS NULL) <> (cron IS NULL) AND (cron IS NULL) = (time_zone IS NULL)),
    CHECK (catch_up BETWEEN 0 AND 100),
    CHECK (json_valid(args) AND json_valid(metadata) AND json_valid(options)),
    CHECK (next_at GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z')
) STRICT, WITHOUT ROWID;

CREATE INDEX drip_schedule_due ON drip_schedule (next_at, name) WHERE paused_at IS NULL AND retired_at IS NULL;
