-- The time, whether a job is overdue for promotion, and when the next one will be due. With a least time, not EXISTS: for
-- that the planner may prefer to look through the table until it finds one.
SELECT clock.now,
       COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable')) <= clock.now, false),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > clock.now)
FROM (SELECT COALESCE(:now, statement_timestamp()) AS now) AS clock
