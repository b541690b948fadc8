-- One row a worker, for as long as it lives: whoever sees the same count of beats for a whole lease knows that it does not.
CREATE TABLE IF NOT EXISTS drip_worker (
    id           VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    label        VARCHAR(127) NOT NULL,
    host         VARCHAR(255) NULL,
    pid          BIGINT       NULL,
    version      VARCHAR(64)  NULL,                         -- of this library
    queues       JSON         NOT NULL DEFAULT '[]',        -- [] for any
    kinds        JSON         NOT NULL DEFAULT '[]',        -- [] for any
    concurrency  BIGINT       NULL,
    lease_ms     BIGINT       NOT NULL,
    beats        BIGINT       NOT NULL DEFAULT 0,
    started_at   DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    heartbeat_at DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    claimed_at   DATETIME(6)  NULL,                         -- when it last asked for jobs and was answered
    CONSTRAINT drip_worker_id CHECK (OCTET_LENGTH(id) BETWEEN 1 AND 255)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
