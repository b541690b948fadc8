-- One row for each task of upkeep: whoever moves it to its next run does this one.
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
