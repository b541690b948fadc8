-- One row for each job that comes again and again: whoever moves it past a slot inserts the job of that slot.
CREATE TABLE drip_schedule (
    name         text COLLATE "C" PRIMARY KEY,
    every_ms     bigint,                                    -- an interval, aligned to 1970 in UTC,
    offset_ms    bigint      NOT NULL DEFAULT 0,            -- moved by this,
    cron         text,                                      -- or a pattern,
    time_zone    text,                                      -- on the clocks of this zone
    kind         text        NOT NULL,
    queue        text        NOT NULL DEFAULT 'default',
    args         json        NOT NULL DEFAULT '{}',
    metadata     json        NOT NULL DEFAULT '{}',
    options      json        NOT NULL DEFAULT '{}',         -- priority, max_attempts, tags …, where they are not the usual
    catch_up     bigint      NOT NULL DEFAULT 1,            -- so many of the latest slots that were missed yield their jobs
    grace_ms     bigint      NOT NULL DEFAULT 60000,        -- a slot no later than this was not missed
    jitter_ms    bigint      NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT statement_timestamp(), -- no slot before this yields a job any more
    last_slot_at timestamptz,                               -- the latest slot that did
    last_job_id  bigint,
    paused_at    timestamptz,
    retired_at   timestamptz,                               -- since when its owner does not declare it any more
    owner        text COLLATE "C",
    created_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT drip_schedule_name CHECK (octet_length(name) BETWEEN 1 AND 127),
    CONSTRAINT drip_schedule_rule CHECK ((every_ms IS NULL) <> (cron IS NULL) AND (cron IS NULL) = (time_zone IS NULL)),
    CONSTRAINT drip_schedule_catch_up CHECK (catch_up BETWEEN 0 AND 100)
);

CREATE INDEX drip_schedule_due ON drip_schedule (next_at, name) WHERE paused_at IS NULL AND retired_at IS NULL;
