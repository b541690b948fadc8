-- Declares a schedule. One that is there with the same rule stays where it is, so that no restart loses or repeats a slot;
-- and it stays paused, or not, and its owner's.
INSERT INTO drip_schedule (name, every_ms, offset_ms, cron, time_zone, kind, queue, args, metadata, options, catch_up,
                           grace_ms, jitter_ms, next_at, paused_at, owner, created_at, updated_at)
VALUES (:name, :every_ms, :offset_ms, :cron, :time_zone, :kind, :queue, :args, :metadata, :options, :catch_up,
        :grace_ms, :jitter_ms, :next_at, CASE WHEN :paused THEN :now END, :owner,
        :now, :now)
ON CONFLICT (name) DO UPDATE
SET next_at = CASE WHEN drip_schedule.retired_at IS NULL AND drip_schedule.every_ms IS excluded.every_ms
                         AND drip_schedule.offset_ms = excluded.offset_ms AND drip_schedule.cron IS excluded.cron
                         AND drip_schedule.time_zone IS excluded.time_zone
                    THEN drip_schedule.next_at ELSE excluded.next_at END,
    every_ms = excluded.every_ms, offset_ms = excluded.offset_ms, cron = excluded.cron,
    time_zone = excluded.time_zone, kind = excluded.kind, queue = excluded.queue,
    args = excluded.args, metadata = excluded.metadata, options = excluded.options,
    catch_up = excluded.catch_up, grace_ms = excluded.grace_ms, jitter_ms = excluded.jitter_ms,
    updated_at = excluded.updated_at,
    retired_at = NULL, owner = COALESCE(drip_schedule.owner, excluded.owner)
