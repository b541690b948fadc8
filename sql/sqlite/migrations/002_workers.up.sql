-- One row a worker, for as long as it lives: whoever sees the same count of beats for a whole lease knows that it does not.
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
