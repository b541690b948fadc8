-- How many jobs of one state there are in which queue, of those that a filter leaves, up to a limit.
SELECT queue, count(*)
FROM (SELECT queue FROM drip_job WHERE state = {state} {filter} LIMIT :limit) AS counted
GROUP BY queue
ORDER BY queue
