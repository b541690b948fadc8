-- In which queues the jobs wait that are to be available later, of those that will be the first, up to a limit. State by
-- state, as the index has them.
SELECT queue, state, count(*)
FROM ((SELECT queue, state, scheduled_at FROM drip_job FORCE INDEX (drip_job_due)
       WHERE state = 'scheduled' ORDER BY scheduled_at LIMIT :limit)
      UNION ALL
      (SELECT queue, state, scheduled_at FROM drip_job FORCE INDEX (drip_job_due)
       WHERE state = 'retryable' ORDER BY scheduled_at LIMIT :limit)
      ORDER BY scheduled_at LIMIT :limit) AS later
GROUP BY queue, state
