-- Of these queues how many jobs are available, counted up to a limit, and when the first of them was due; with the time.
SELECT wanted.value, :now,
       (SELECT count(*)
        FROM (SELECT 1 FROM drip_job INDEXED BY drip_job_claim
              WHERE state = 'available' AND drip_job.queue = wanted.value
              ORDER BY priority, scheduled_at, id LIMIT :limit) AS counted),
       -- The first of each priority is the first that the index has of it.
       (SELECT min((SELECT scheduled_at FROM drip_job INDEXED BY drip_job_claim
                    WHERE state = 'available' AND drip_job.queue = wanted.value AND drip_job.priority = four.priority
                    ORDER BY scheduled_at LIMIT 1))
        FROM (SELECT 1 AS priority UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS four)
FROM json_each(:queues) AS wanted
