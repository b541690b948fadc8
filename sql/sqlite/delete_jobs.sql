-- Removes a batch of the jobs that a filter leaves, none of them running, in order of their ids; answers which.
DELETE FROM drip_job
WHERE id IN (
    SELECT id
    FROM drip_job
    WHERE state <> 'running' {filter}
    ORDER BY id
    LIMIT :limit
)
RETURNING id
