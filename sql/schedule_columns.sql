name, every_ms, offset_ms, cron, time_zone, kind, queue, args, metadata, options, catch_up, grace_ms, jitter_ms, next_at,
last_slot_at, last_job_id, paused_at, retired_at, owner, created_at, updated_at
