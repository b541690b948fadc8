-- Kinds that wait in one of these queues and that the worker does not handle, among the first rows.
SELECT DISTINCT queue, kind
FROM (SELECT drip_job.queue, drip_job.kind
      FROM JSON_TABLE(:queues, '$[*]' COLUMNS (queue VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS wanted
      STRAIGHT_JOIN drip_job FORCE INDEX (drip_job_claim) ON drip_job.state = 'available' AND drip_job.queue = wanted.queue
      LIMIT 1000) AS job
WHERE NOT JSON_CONTAINS(:kinds, JSON_QUOTE(kind))
