-- Inserts rows of which everything is known but their ids, which come in one array: that is less for both sides than a row
-- of the answer for each.
--
-- A parameter holds the values of its column, or the one that all of them are: most jobs of a batch differ in their args
-- only. At least one parameter holds as many values as there are rows.
WITH inserted AS (
    INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                          expires_at, timeout_ms, ephemeral)
    SELECT COALESCE(j.state, (:each_state)[1]),
           COALESCE(j.queue, (:each_queue)[1]),
           COALESCE(j.kind, (:each_kind)[1]),
           COALESCE(j.priority, (:each_priority)[1]),
           COALESCE(j.args, (:each_args)[1]),
           COALESCE(j.metadata, (:each_metadata)[1]),
           COALESCE(j.tags, (:each_tags)[1]),
           COALESCE(j.max_attempts, (:each_max_attempts)[1]),
           COALESCE(j.scheduled_at, (:each_scheduled_at)[1]),
           COALESCE(j.created_at, (:each_created_at)[1]),
           CASE cardinality(:each_expires_at) WHEN 1 THEN (:each_expires_at)[1] ELSE j.expires_at END,
           CASE cardinality(:each_timeout_ms) WHEN 1 THEN (:each_timeout_ms)[1] ELSE j.timeout_ms END,
           COALESCE(j.ephemeral, (:each_ephemeral)[1])
    FROM unnest(:each_state, :each_queue, :each_kind, :each_priority, :each_args, :each_metadata, :each_tags,
                :each_max_attempts, :each_scheduled_at, :each_created_at, :each_expires_at, :each_timeout_ms,
                :each_ephemeral)
        WITH ORDINALITY
        AS j(state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at, expires_at,
             timeout_ms, ephemeral, n)
    ORDER BY n
    RETURNING id
)
SELECT array_agg(id) FROM inserted
