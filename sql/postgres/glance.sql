-- The time; when the earliest job that is not promoted is due, and when the next one will be; and whether a job is available
-- in one of these queues, or, without them, in any: one look into the index a queue (LATERAL … LIMIT 1), until one has some.
SELECT clock.now,
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable')),
       (SELECT min(scheduled_at) FROM drip_job WHERE state IN ('scheduled', 'retryable') AND scheduled_at > clock.now),
       EXISTS (
           SELECT FROM json_array_elements_text(:queues) AS served(name)
           CROSS JOIN LATERAL (
               SELECT FROM drip_job WHERE state = 'available' AND queue = served.name
               ORDER BY priority, scheduled_at, id LIMIT 1
           ) AS job)
       OR (:queues IS NULL AND EXISTS (SELECT FROM (
           SELECT FROM drip_job WHERE state = 'available' ORDER BY queue, priority, scheduled_at, id LIMIT 1) AS job))
FROM (SELECT COALESCE(:now, statement_timestamp()) AS now) AS clock
