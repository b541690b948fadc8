-- The time, whether a job is overdue for promotion, and when the next one will be due. State by state, as the index has
-- them.
SELECT now,
       EXISTS (SELECT 1 FROM drip_job WHERE state = 'scheduled' AND scheduled_at <= now)
       OR EXISTS (SELECT 1 FROM drip_job WHERE state = 'retryable' AND scheduled_at <= now),
       LEAST(COALESCE(scheduled, retryable), COALESCE(retryable, scheduled))
FROM (SELECT clock.now,
             (SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled' AND scheduled_at > clock.now) AS scheduled,
             (SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable' AND scheduled_at > clock.now) AS retryable
      FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock) AS next
