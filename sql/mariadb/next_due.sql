-- The time, when the earliest job that is not promoted is due, and when the next one will be. State by state, as the index
-- has them; and with one derived table: within another one, the second execution of the prepared statement fails, its
-- columns unknown.
SELECT clock.now,
       NULLIF(LEAST(
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled'), TIMESTAMP '9999-12-31 23:59:59'),
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable'),
                    TIMESTAMP '9999-12-31 23:59:59')), TIMESTAMP '9999-12-31 23:59:59'),
       NULLIF(LEAST(
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59'),
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59')), TIMESTAMP '9999-12-31 23:59:59')
FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock
