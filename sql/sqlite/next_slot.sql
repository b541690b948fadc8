-- Whether a schedule is due, and when the next slot comes that has not come yet.
SELECT EXISTS (SELECT 1 FROM drip_schedule
               WHERE paused_at IS NULL AND retired_at IS NULL AND next_at <= :now),
       (SELECT next_at FROM drip_schedule
        WHERE paused_at IS NULL AND retired_at IS NULL AND next_at > :now
        ORDER BY next_at LIMIT 1),
       :now
