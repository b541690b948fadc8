-- Writes what has been decided about jobs that were read in the same transaction; the fence is for those who would
-- not have.
UPDATE drip_job
SET state = m.value ->> '$.state', attempt = m.value ->> '$.attempt', max_attempts = m.value ->> '$.max_attempts',
    snooze_count = m.value ->> '$.snooze_count', crash_count = m.value ->> '$.crash_count',
    scheduled_at = m.value ->> '$.scheduled_at',
    finalized_at = m.value ->> '$.finalized_at',
    errors = COALESCE(m.value ->> '$.errors', errors), metadata = COALESCE(m.value ->> '$.metadata', metadata),
    unique_states = COALESCE(m.value ->> '$.unique_states', unique_states)
FROM json_each(:moves) AS m
WHERE drip_job.id = m.value ->> '$.id' AND drip_job.state = m.value ->> '$.from_state'
  AND drip_job.claim_seq = m.value ->> '$.claim_seq'
