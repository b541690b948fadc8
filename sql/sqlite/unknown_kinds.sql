-- Kinds that wait in one of these queues and that the worker does not handle, among the first rows.
SELECT DISTINCT queue, kind
FROM (SELECT queue, kind FROM drip_job INDEXED BY drip_job_claim
      WHERE state = 'available' AND queue IN (SELECT value FROM json_each(:queues))
      ORDER BY queue, priority, scheduled_at, id LIMIT 1000)
WHERE kind NOT IN (SELECT value FROM json_each(:kinds))
