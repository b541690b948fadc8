-- The time, whether a job is overdue for promotion, and when the next one will be due.
SELECT :now,
       COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable')) <= :now, false),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > :now)
