-- One row a worker, for as long as it lives: whoever sees the same count of beats for a whole lease knows that it does not.
CREATE TABLE drip_worker (
    id           text COLLATE "C" PRIMARY KEY,
    label        text        NOT NULL,
    host         text,
    pid          bigint,
    version      text,                                      -- of this library
    queues       json        NOT NULL DEFAULT '[]',         -- [] for any
    kinds        json        NOT NULL DEFAULT '[]',         -- [] for any
    concurrency  bigint,
    lease_ms     bigint      NOT NULL,
    beats        bigint      NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT statement_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    claimed_at   timestamptz,                               -- when it last asked for jobs and was answered
    CONSTRAINT drip_worker_id CHECK (octet_length(id) BETWEEN 1 AND 255)
);
