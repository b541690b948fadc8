-- The time, whether a job is overdue for promotion, and when the next one will be due. State by state, as the index has
-- them; with a least time, not EXISTS, which would read all that wait; and with one derived table: within another one,
-- the second execution of the prepared statement fails, its columns unknown.
SELECT clock.now,
       COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled') <= clock.now, FALSE)
       OR COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable') <= clock.now, FALSE),
       NULLIF(LEAST(
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59'),
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59')), TIMESTAMP '9999-12-31 23:59:59')
FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock
