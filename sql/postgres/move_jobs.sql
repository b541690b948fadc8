-- Writes what has been decided about jobs that were read under a lock; the fence is for those who would not have.
UPDATE drip_job
SET state = m.state, attempt = m.attempt, max_attempts = m.max_attempts, snooze_count = m.snooze_count,
    scheduled_at = m.scheduled_at, finalized_at = m.finalized_at,
    errors = COALESCE(m.errors::json, drip_job.errors), metadata = COALESCE(m.metadata::json, drip_job.metadata),
    unique_states = CASE WHEN m.drop_key THEN NULL ELSE unique_states END
FROM json_to_recordset(:moves) AS m(
    id bigint, from_state text, claim_seq bigint, state text, attempt bigint, max_attempts bigint, snooze_count bigint,
    scheduled_at timestamptz, finalized_at timestamptz, errors text, metadata text, drop_key boolean)
WHERE drip_job.id = m.id AND drip_job.state = m.from_state AND drip_job.claim_seq = m.claim_seq
