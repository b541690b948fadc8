-- MariaDB commits each DDL statement by itself, so each can be run again after a crash: IF NOT EXISTS, everywhere.
-- DATETIME(6) holds UTC and is immune to the session's time zone. The nopad collation tells 'a' from 'a ' and from 'A'.
CREATE TABLE IF NOT EXISTS drip_job (
    id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    state         VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'available',
    queue         VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'default',
    kind          VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    priority      TINYINT      NOT NULL DEFAULT 1,            -- 1 is served first, 4 last
    args          JSON         NOT NULL DEFAULT '{}',
    metadata      JSON         NOT NULL DEFAULT '{}',
    tags          JSON         NOT NULL DEFAULT '[]',
    attempt       BIGINT       NOT NULL DEFAULT 0,            -- attempts begun that count against max_attempts
    max_attempts  BIGINT       NOT NULL DEFAULT 25,
    claim_seq     BIGINT       NOT NULL DEFAULT 0,            -- the fence: one more at every claim, never less
    snooze_count  BIGINT       NOT NULL DEFAULT 0,
    crash_count   BIGINT       NOT NULL DEFAULT 0,            -- 0: clear; 1: was running in a worker that died; then, alone
    errors        JSON         NOT NULL DEFAULT '[]',         -- [{"attempt": 1, "at": …, "error": …, "trace": …}, …]
    attempted_by  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,  -- the worker of the latest claim
    attempted_at  DATETIME(6)  NULL,
    scheduled_at  DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    created_at    DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    finalized_at  DATETIME(6)  NULL,
    expires_at    DATETIME(6)  NULL,                          -- not begun by then: never begun
    timeout_ms    BIGINT       NULL,
    ephemeral     BOOLEAN      NOT NULL DEFAULT FALSE,        -- the row goes away when the job completes
    unique_key    VARBINARY(32) NULL,
    unique_states SMALLINT     NULL,                          -- one bit for each state in which the key is held
    -- There are no partial indexes: the key while it is held, else NULL, of which there may be any number. Virtual:
    -- it costs 16 % of an insert, a stored one 33 %.
    unique_active VARBINARY(32) AS (IF((unique_states >> CASE state
        WHEN 'available' THEN 0 WHEN 'running' THEN 1 WHEN 'completed' THEN 2 WHEN 'retryable' THEN 3
        WHEN 'discarded' THEN 4 WHEN 'cancelled' THEN 5 WHEN 'scheduled' THEN 6 WHEN 'pending' THEN 7 END) & 1 = 1,
        unique_key, NULL)) VIRTUAL,

    -- Exactly the order of the claim: with any other index the claim sorts, and a locking read that sorts locks every
    -- row it looks at.
    KEY drip_job_claim (state, queue, priority, scheduled_at, id),
    KEY drip_job_due (state, scheduled_at),
    -- For retention.
    KEY drip_job_final (state, queue, finalized_at),
    -- For lists; those by state read drip_job_due.
    KEY drip_job_kind (kind),
    -- What may not begin any more.
    KEY drip_job_expiring (expires_at),
    -- Descending, so that the NULLs come last: whoever waits for a key locks the gap before it, and before the smallest
    -- key there would be the place of every job that has none. (Before 10.8 the word is read and ignored.)
    UNIQUE KEY drip_job_unique (unique_active DESC),

    CONSTRAINT drip_job_state CHECK (state IN
        ('available', 'running', 'completed', 'retryable', 'discarded', 'cancelled', 'scheduled', 'pending')),
    CONSTRAINT drip_job_finalized CHECK ((finalized_at IS NOT NULL) = (state IN ('completed', 'discarded', 'cancelled'))),
    CONSTRAINT drip_job_queue CHECK (OCTET_LENGTH(queue) BETWEEN 1 AND 127),
    CONSTRAINT drip_job_kind CHECK (OCTET_LENGTH(kind) BETWEEN 1 AND 127),
    CONSTRAINT drip_job_priority CHECK (priority BETWEEN 1 AND 4),
    CONSTRAINT drip_job_max_attempts CHECK (max_attempts >= 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS drip_queue (
    name       VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    paused_at  DATETIME(6)  NULL,
    metadata   JSON         NOT NULL DEFAULT '{}',
    created_at DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    CONSTRAINT drip_queue_name CHECK (OCTET_LENGTH(name) BETWEEN 1 AND 127)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
