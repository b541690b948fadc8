-- Of these queues how many jobs are available, counted up to a limit, and when the first of them was due; with the time.
-- Whether there are more than the limit is asked on its own: in a derived table `wanted` would be unknown.
SELECT wanted.queue, COALESCE(:now, UTC_TIMESTAMP(6)),
       CASE WHEN (SELECT 1 FROM drip_job FORCE INDEX (drip_job_claim)
                  WHERE state = 'available' AND drip_job.queue = wanted.queue
                  LIMIT 1 OFFSET :limit) IS NULL
            THEN (SELECT count(*) FROM drip_job FORCE INDEX (drip_job_claim)
                  WHERE state = 'available' AND drip_job.queue = wanted.queue)
            ELSE :limit END,
       -- The first of each priority is the first that the index has of it.
       (SELECT min((SELECT scheduled_at FROM drip_job FORCE INDEX (drip_job_claim)
                    WHERE state = 'available' AND drip_job.queue = wanted.queue AND drip_job.priority = four.priority
                    ORDER BY scheduled_at LIMIT 1))
        FROM (SELECT 1 AS priority UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS four)
FROM JSON_TABLE(:queues, '$[*]' COLUMNS (
         queue VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS wanted
