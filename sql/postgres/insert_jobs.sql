-- Inserts many jobs without unique keys; the rows come back in the order of the array.
WITH inserted AS (
    INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                          expires_at, timeout_ms, ephemeral)
    SELECT CASE WHEN j.pending THEN 'pending' WHEN due.at > clock.now THEN 'scheduled' ELSE 'available' END,
           j.queue, j.kind, j.priority, j.args::json, j.metadata::json, j.tags::json, j.max_attempts, due.at, clock.now,
           clock.now + j.ttl_us * interval '1 microsecond', j.timeout_ms, j.ephemeral
    FROM (SELECT COALESCE(:now, statement_timestamp()) AS now) AS clock
    CROSS JOIN json_to_recordset(:jobs) AS j(
        n int, queue text, kind text, priority smallint, args text, metadata text, tags text, max_attempts bigint,
        scheduled_at timestamptz, delay_us bigint, ttl_us bigint, timeout_ms bigint, ephemeral boolean, pending boolean)
    CROSS JOIN LATERAL
        (SELECT COALESCE(j.scheduled_at, now + j.delay_us * interval '1 microsecond', now) AS at) AS due
    ORDER BY j.n
    RETURNING id, state, queue, scheduled_at, created_at, expires_at
), notified AS (
    SELECT count(pg_notify('drip_wake', queue)) AS queues
    FROM (SELECT DISTINCT queue FROM inserted WHERE state = 'available') AS ready
    WHERE queue IN (SELECT json_array_elements_text(:notified))
)
SELECT id, state, scheduled_at, created_at, expires_at FROM inserted CROSS JOIN notified ORDER BY id
