-- The time, when the earliest job that is not promoted is due, and when the next one will be.
SELECT :now,
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable')),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > :now)
