-- Removes a batch of the jobs that a filter leaves, none of them running, in order of their ids; answers which.
WITH chosen AS (
    SELECT id
    FROM drip_job
    WHERE state <> 'running' {filter}
    ORDER BY id
    LIMIT :limit
    FOR UPDATE
)
DELETE FROM drip_job WHERE id = ANY (ARRAY(SELECT id FROM chosen))
RETURNING id
