-- Declares a schedule. One that is there with the same rule stays where it is, so that no restart loses or repeats a slot;
-- and it stays paused, or not, and its owner's.
-- The place comes first: what is assigned before is seen changed.
INSERT INTO drip_schedule (name, every_ms, offset_ms, cron, time_zone, kind, queue, args, metadata, options, catch_up,
                           grace_ms, jitter_ms, next_at, paused_at, owner, created_at, updated_at)
VALUES (:name, :every_ms, :offset_ms, :cron, :time_zone, :kind, :queue, :args, :metadata, :options, :catch_up,
        :grace_ms, :jitter_ms, :next_at, CASE WHEN :paused THEN COALESCE(:now, UTC_TIMESTAMP(6)) END, :owner,
        COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE
    next_at = CASE WHEN retired_at IS NULL AND every_ms <=> VALUES(every_ms)
                         AND offset_ms = VALUES(offset_ms) AND cron <=> VALUES(cron)
                         AND time_zone <=> VALUES(time_zone)
                    THEN next_at ELSE VALUES(next_at) END,
    every_ms = VALUES(every_ms), offset_ms = VALUES(offset_ms), cron = VALUES(cron),
    time_zone = VALUES(time_zone), kind = VALUES(kind), queue = VALUES(queue),
    args = VALUES(args), metadata = VALUES(metadata), options = VALUES(options),
    catch_up = VALUES(catch_up), grace_ms = VALUES(grace_ms), jitter_ms = VALUES(jitter_ms),
    updated_at = VALUES(updated_at),
    retired_at = NULL, owner = COALESCE(owner, VALUES(owner))
