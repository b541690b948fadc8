CREATE TABLE drip_job (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,      -- AUTOINCREMENT: the id of a deleted job never comes back
    state         TEXT    NOT NULL DEFAULT 'available',
    queue         TEXT    NOT NULL DEFAULT 'default',
    kind          TEXT    NOT NULL,
    priority      INTEGER NOT NULL DEFAULT 1,             -- 1 is served first, 4 last
    args          TEXT    NOT NULL DEFAULT '{}',
    metadata      TEXT    NOT NULL DEFAULT '{}',
    tags          TEXT    NOT NULL DEFAULT '[]',
    attempt       INTEGER NOT NULL DEFAULT 0,             -- attempts begun that count against max_attempts
    max_attempts  INTEGER NOT NULL DEFAULT 25,
    claim_seq     INTEGER NOT NULL DEFAULT 0,             -- the fence: one more at every claim, never less
    snooze_count  INTEGER NOT NULL DEFAULT 0,
    crash_count   INTEGER NOT NULL DEFAULT 0,             -- 0: clear; 1: was running in a worker that died; then, alone
    errors        TEXT    NOT NULL DEFAULT '[]',          -- [{"attempt": 1, "at": …, "error": …, "trace": …}, …]
    attempted_by  TEXT,                                   -- the worker of the latest claim
    attempted_at  TEXT,
    scheduled_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    finalized_at  TEXT,
    expires_at    TEXT,                                   -- not begun by then: never begun
    timeout_ms    INTEGER,
    ephemeral     INTEGER NOT NULL DEFAULT 0,             -- the row goes away when the job completes
    unique_key    BLOB,
    unique_states INTEGER,                                -- one bit for each state in which the key is held

    -- No IN with more than two values, here and in what indexes are conditional on: for each row that is written SQLite
    -- would fill a table with the values. Without that a job costs half.
    CHECK (state = 'available' OR state = 'running' OR state = 'completed' OR state = 'retryable' OR state = 'discarded'
           OR state = 'cancelled' OR state = 'scheduled' OR state = 'pending'),
    CHECK ((finalized_at IS NOT NULL) = (state = 'completed' OR state = 'discarded' OR state = 'cancelled')),
    CHECK (length(CAST(queue AS BLOB)) BETWEEN 1 AND 127),
    CHECK (length(CAST(kind AS BLOB)) BETWEEN 1 AND 127),
    CHECK (priority BETWEEN 1 AND 4),
    CHECK (max_attempts >= 1),
    CHECK (ephemeral IN (0, 1)),
    CHECK (json_valid(args) AND json_valid(metadata) AND json_valid(tags) AND json_valid(errors)),
    CHECK (scheduled_at GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    CHECK (created_at   GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    CHECK (expires_at IS NULL OR length(expires_at) = 27)
) STRICT;

CREATE INDEX drip_job_claim ON drip_job (queue, priority, scheduled_at, id) WHERE state = 'available';

CREATE INDEX drip_job_due ON drip_job (scheduled_at) WHERE state IN ('scheduled', 'retryable');

CREATE INDEX drip_job_expiring ON drip_job (expires_at)
WHERE expires_at IS NOT NULL AND state IN ('available', 'retryable', 'scheduled', 'pending');

CREATE INDEX drip_job_final ON drip_job (state, queue, finalized_at)
WHERE finalized_at IS NOT NULL;

CREATE INDEX drip_job_kind ON drip_job (kind, id);

CREATE INDEX drip_job_state ON drip_job (state, id)
WHERE state <> 'available' AND state <> 'completed';

CREATE UNIQUE INDEX drip_job_unique ON drip_job (unique_key)
WHERE unique_key IS NOT NULL AND (unique_states >> CASE state
    WHEN 'available' THEN 0 WHEN 'running' THEN 1 WHEN 'completed' THEN 2 WHEN 'retryable' THEN 3
    WHEN 'discarded' THEN 4 WHEN 'cancelled' THEN 5 WHEN 'scheduled' THEN 6 WHEN 'pending' THEN 7 END) & 1 = 1;

CREATE TABLE drip_migration (
    version    INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
) STRICT;

CREATE TABLE drip_queue (
    name       TEXT PRIMARY KEY NOT NULL,
    paused_at  TEXT,
    metadata   TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    CHECK (length(CAST(name AS BLOB)) BETWEEN 1 AND 127),
    CHECK (json_valid(metadata))
) STRICT, WITHOUT ROWID;

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

CREATE TABLE drip_timetable (
    task        TEXT PRIMARY KEY NOT NULL,
    next_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    runner      TEXT,                                       -- who does it at the moment
    lease_until TEXT,                                       -- until when that one is believed to be at it
    runs        INTEGER NOT NULL DEFAULT 0,                 -- the fence: one more at every run
    started_at  TEXT,
    finished_at TEXT,
    changed     INTEGER,                                    -- how many rows the latest run that ended has changed
    error       TEXT,                                       -- why it failed, if it did
    CHECK (length(CAST(task AS BLOB)) BETWEEN 1 AND 127)
) STRICT, WITHOUT ROWID;

CREATE TABLE drip_worker (
    id           TEXT PRIMARY KEY NOT NULL,
    label        TEXT NOT NULL,
    host         TEXT,
    pid          INTEGER,
    version      TEXT,                                      -- of this library
    queues       TEXT NOT NULL DEFAULT '[]',                -- [] for any
    kinds        TEXT NOT NULL DEFAULT '[]',                -- [] for any
    concurrency  INTEGER,
    lease_ms     INTEGER NOT NULL,
    beats        INTEGER NOT NULL DEFAULT 0,
    started_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    heartbeat_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    claimed_at   TEXT,                                      -- when it last asked for jobs and was answered
    CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 255),
    CHECK (json_valid(queues) AND json_valid(kinds))
) STRICT, WITHOUT ROWID;
