-- Writes what has been decided about jobs that were read under a lock; the fence is for those who would not have.
UPDATE drip_job
SET state = m.state, attempt = m.attempt, max_attempts = m.max_attempts, snooze_count = m.snooze_count,
    crash_count = m.crash_count,
    scheduled_at = m.scheduled_at, finalized_at = m.finalized_at,
    errors = COALESCE(m.errors::json, drip_job.errors), metadata = COALESCE(m.metadata::json, drip_job.metadata),
    unique_states = COALESCE(m.unique_states, drip_job.unique_states)
FROM json_to_recordset(:moves) AS m(
    id bigint, from_state text, claim_seq bigint, state text, attempt bigint, max_attempts bigint, snooze_count bigint,
    crash_count bigint,
    scheduled_at timestamptz, finalized_at timestamptz, errors text, metadata text, unique_states smallint)
WHERE drip_job.id = m.id AND (drip_job.state = m.from_state) IS TRUE AND drip_job.claim_seq = m.claim_seq
