-- The time, whether a job is overdue for promotion, and when the next one will be due.
SELECT clock.now,
       EXISTS (SELECT 1 FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= clock.now),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > clock.now)
FROM (SELECT COALESCE(:now, statement_timestamp()) AS now) AS clock
