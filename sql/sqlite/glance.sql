-- The time; when the earliest job that is not promoted is due, and when the next one will be; and whether a job is available
-- in one of these queues, or, without them, in any.
SELECT :now,
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable')),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > :now),
       EXISTS (SELECT 1 FROM json_each(:queues) AS served
               CROSS JOIN drip_job INDEXED BY drip_job_claim
               ON drip_job.state = 'available' AND drip_job.queue = served.value)
       OR (:queues IS NULL AND EXISTS (SELECT 1 FROM drip_job INDEXED BY drip_job_claim WHERE state = 'available'))
