-- Whether a schedule is due, and when the next slot comes that has not come yet.
SELECT EXISTS (SELECT 1 FROM drip_schedule
               WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= COALESCE(:now, UTC_TIMESTAMP(6))),
       (SELECT next_at FROM drip_schedule
        WHERE paused_at IS NULL AND retired_at IS NULL AND next_at > COALESCE(:now, UTC_TIMESTAMP(6))
        ORDER BY next_at LIMIT 1),
       COALESCE(:now, UTC_TIMESTAMP(6))
