-- Writes what has been decided about jobs that were read under a lock; the fence is for those who would not have.
UPDATE JSON_TABLE(:moves, '$[*]' COLUMNS (
           id BIGINT PATH '$.id',
           from_state VARCHAR(16) CHARACTER SET ascii PATH '$.from_state',
           claim_seq BIGINT PATH '$.claim_seq',
           state VARCHAR(16) CHARACTER SET ascii PATH '$.state',
           attempt BIGINT PATH '$.attempt',
           max_attempts BIGINT PATH '$.max_attempts',
           snooze_count BIGINT PATH '$.snooze_count',
           crash_count BIGINT PATH '$.crash_count',
           scheduled_at VARCHAR(27) CHARACTER SET ascii PATH '$.scheduled_at',
           finalized_at VARCHAR(27) CHARACTER SET ascii PATH '$.finalized_at',
           errors LONGTEXT CHARACTER SET utf8mb4 PATH '$.errors',
           metadata LONGTEXT CHARACTER SET utf8mb4 PATH '$.metadata',
           unique_states SMALLINT PATH '$.unique_states')) AS m
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = m.id
SET drip_job.unique_states = COALESCE(m.unique_states, drip_job.unique_states),
    drip_job.state = m.state, drip_job.attempt = m.attempt, drip_job.max_attempts = m.max_attempts,
    drip_job.snooze_count = m.snooze_count, drip_job.crash_count = m.crash_count,
    drip_job.scheduled_at = STR_TO_DATE(m.scheduled_at, '%Y-%m-%dT%H:%i:%s.%fZ'),
    drip_job.finalized_at = STR_TO_DATE(m.finalized_at, '%Y-%m-%dT%H:%i:%s.%fZ'),
    drip_job.errors = COALESCE(m.errors, drip_job.errors), drip_job.metadata = COALESCE(m.metadata, drip_job.metadata)
WHERE drip_job.state = m.from_state AND drip_job.claim_seq = m.claim_seq
