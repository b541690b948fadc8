-- A batch of the jobs that a filter leaves, in order of their ids.
SELECT id
FROM drip_job
WHERE true {filter}
ORDER BY id
LIMIT :limit
