-- One queue, and since when all of them are paused.
SELECT name, paused_at, (SELECT every.paused_at FROM drip_queue AS every WHERE every.name = '*'), metadata, created_at,
       updated_at
FROM drip_queue
WHERE name = :name
