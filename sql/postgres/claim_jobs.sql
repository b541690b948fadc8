-- Claims jobs of several queues, each up to its own limit, and says which.
--
-- One index probe a stretch of a queue (LATERAL) and a common table expression: `queue = ANY (…) ORDER BY` would sort, and
-- in `id IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)` the sub-select may be run again and lock more than n. One that
-- locks rows is never merged into the outer statement. A stretch is not begun before those ahead of it have yielded less
-- than the limit of the queue, so nothing is locked that is not taken. OFFSET 0: without it the planner may read all keys
-- that are held into a hash table instead of asking the index for one.
WITH picked AS (
    SELECT job.id
    FROM json_to_recordset(:wanted) AS wanted(queue text, "limit" bigint, stretches json)
    CROSS JOIN LATERAL (
        SELECT found.id
        FROM json_to_recordset(wanted.stretches) AS stretch(
            from_priority smallint, from_at timestamptz, from_id bigint, to_priority smallint)
        CROSS JOIN LATERAL (
            SELECT id
            FROM drip_job
            WHERE state = 'available' AND queue = wanted.queue
              AND (priority, scheduled_at, id) > (stretch.from_priority, stretch.from_at, stretch.from_id)
              AND priority <= stretch.to_priority
              AND scheduled_at <= COALESCE(:now, statement_timestamp())
              AND (expires_at IS NULL OR expires_at > COALESCE(:now, statement_timestamp()))
              AND (:kinds IS NULL OR kind IN (SELECT json_array_elements_text(:kinds)))
              AND (:suspects IS NULL OR (crash_count > 0) = (:suspects = 1))
              -- A key that is held while running, but not yet while available, may be taken by another.
              AND (COALESCE(unique_states & 3, 0) <> 2 OR NOT EXISTS (
                  SELECT 1 FROM drip_job AS holder WHERE holder.unique_key = drip_job.unique_key AND {active} OFFSET 0))
            ORDER BY priority, scheduled_at, id
            LIMIT wanted."limit"
            FOR UPDATE SKIP LOCKED
        ) AS found
        LIMIT wanted."limit"
    ) AS job
    WHERE NOT EXISTS (SELECT 1 FROM drip_queue WHERE name IN (wanted.queue, '*') AND paused_at IS NOT NULL)
)
-- An attempt that somebody wrote by hand is brought into range: it must not fail the claim of all the others.
UPDATE drip_job
SET state = 'running', attempt = LEAST(GREATEST(attempt, 0), 4294967294) + 1, claim_seq = claim_seq + 1,
    attempted_at = COALESCE(:now, statement_timestamp()), attempted_by = :worker
WHERE id = ANY (ARRAY(SELECT id FROM picked))
RETURNING {job}
