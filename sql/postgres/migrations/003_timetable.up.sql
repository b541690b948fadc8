-- One row for each task of upkeep: whoever moves it to its next run does this one.
CREATE TABLE drip_timetable (
    task        text COLLATE "C" PRIMARY KEY,
    next_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    runner      text,                                       -- who does it at the moment
    lease_until timestamptz,                                -- until when that one is believed to be at it
    runs        bigint      NOT NULL DEFAULT 0,             -- the fence: one more at every run
    started_at  timestamptz,
    finished_at timestamptz,
    changed     bigint,                                     -- how many rows the latest run that ended has changed
    error       text,                                       -- why it failed, if it did
    CONSTRAINT drip_timetable_task CHECK (octet_length(task) BETWEEN 1 AND 127)
);
