-- The time; when the earliest job that is not promoted is due, and when the next one will be, state by state, as the index
-- has them; and whether a job is available in one of these queues, or, without them, in any. With one derived table: within
-- another one, the second execution of the prepared statement fails, its columns unknown.
SELECT clock.now,
       NULLIF(LEAST(
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled'), TIMESTAMP '9999-12-31 23:59:59'),
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable'),
                    TIMESTAMP '9999-12-31 23:59:59')), TIMESTAMP '9999-12-31 23:59:59'),
       NULLIF(LEAST(
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'scheduled' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59'),
           COALESCE((SELECT min(scheduled_at) FROM drip_job WHERE state = 'retryable' AND scheduled_at > clock.now),
                    TIMESTAMP '9999-12-31 23:59:59')), TIMESTAMP '9999-12-31 23:59:59'),
       EXISTS (SELECT 1
               FROM JSON_TABLE(:queues, '$[*]' COLUMNS (
                   name VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS served
               STRAIGHT_JOIN drip_job FORCE INDEX (drip_job_claim)
               ON drip_job.state = 'available' AND drip_job.queue = served.name)
       OR (:queues IS NULL AND EXISTS (SELECT 1 FROM drip_job FORCE INDEX (drip_job_claim) WHERE state = 'available'))
FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock
