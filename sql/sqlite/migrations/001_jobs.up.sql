-- Times are UTC text of fixed width, YYYY-MM-DDTHH:MM:SS.ffffffZ: people can read them, and they sort as times do.
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

-- What a claim reads: only the rows that can be claimed, in the order in which they are.
CREATE INDEX drip_job_claim ON drip_job (queue, priority, scheduled_at, id) WHERE state = 'available';

-- What becomes due.
CREATE INDEX drip_job_due ON drip_job (scheduled_at) WHERE state IN ('scheduled', 'retryable');

-- What has ended, for retention, and to count it.
CREATE INDEX drip_job_final ON drip_job (state, queue, finalized_at)
WHERE finalized_at IS NOT NULL;

-- What is running, for rescue; and the states that are seldom, for lists. A job that is claimed and completes enters it once.
CREATE INDEX drip_job_state ON drip_job (state, id)
WHERE state <> 'available' AND state <> 'completed';

-- For lists. A full index costs each job about a sixth of what it costs the server in all, so there is none for queues.
CREATE INDEX drip_job_kind ON drip_job (kind, id);

-- What may not begin any more.
CREATE INDEX drip_job_expiring ON drip_job (expires_at)
WHERE expires_at IS NOT NULL AND state IN ('available', 'retryable', 'scheduled', 'pending');

-- One active job a key; active is what the job's own mask of states says.
CREATE UNIQUE INDEX drip_job_unique ON drip_job (unique_key)
WHERE unique_key IS NOT NULL AND (unique_states >> CASE state
    WHEN 'available' THEN 0 WHEN 'running' THEN 1 WHEN 'completed' THEN 2 WHEN 'retryable' THEN 3
    WHEN 'discarded' THEN 4 WHEN 'cancelled' THEN 5 WHEN 'scheduled' THEN 6 WHEN 'pending' THEN 7 END) & 1 = 1;

CREATE TABLE drip_queue (
    name       TEXT PRIMARY KEY NOT NULL,
    paused_at  TEXT,
    metadata   TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    CHECK (length(CAST(name AS BLOB)) BETWEEN 1 AND 127),
    CHECK (json_valid(metadata))
) STRICT, WITHOUT ROWID;
