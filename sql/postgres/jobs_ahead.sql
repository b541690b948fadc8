-- How many jobs of a queue are claimed before one that stands here in the order, counted up to a limit. ORDER BY: without it
-- the planner may read the table, and hope to come to the limit soon.
SELECT count(*)
FROM (SELECT 1
      FROM drip_job
      WHERE state = 'available' AND queue = :queue AND priority <= :priority
        AND (priority < :priority OR scheduled_at < :scheduled_at OR (scheduled_at = :scheduled_at AND id < :id))
      ORDER BY priority, scheduled_at, id
      LIMIT :limit) AS ahead
