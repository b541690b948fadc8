-- One page of jobs, in order of their ids. The ids first: where many have to be sorted, whole rows take thirty times as long.
SELECT {job}
FROM drip_job
WHERE id IN (
    SELECT id
    FROM drip_job
    WHERE true {filter}
    ORDER BY id {direction}
    LIMIT :limit
)
ORDER BY id {direction}
