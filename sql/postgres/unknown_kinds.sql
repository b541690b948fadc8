-- Kinds that wait in these queues and that the worker does not handle, among the first rows of each.
SELECT DISTINCT wanted.queue, job.kind
FROM json_array_elements_text(:queues) AS wanted(queue)
CROSS JOIN LATERAL (
    SELECT kind FROM drip_job WHERE state = 'available' AND queue = wanted.queue
    ORDER BY priority, scheduled_at, id LIMIT 100
) AS job
WHERE job.kind NOT IN (SELECT json_array_elements_text(:kinds))
