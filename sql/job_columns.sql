id, state, queue, kind, priority, args, metadata, tags, attempt, max_attempts, claim_seq, snooze_count, crash_count, errors,
attempted_by, attempted_at, scheduled_at, created_at, finalized_at, expires_at, timeout_ms, ephemeral, unique_key,
unique_states
