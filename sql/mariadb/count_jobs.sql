-- How many jobs of one state there are in which queue, of those that a filter leaves, up to a limit.
SELECT queue, count(*)
FROM (SELECT queue FROM drip_job WHERE true {filter} LIMIT :limit) AS counted
GROUP BY queue
ORDER BY queue
