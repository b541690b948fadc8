-- One page of jobs, in order of their ids.
SELECT {job}
FROM drip_job
WHERE true {filter}
ORDER BY id {direction}
LIMIT :limit
