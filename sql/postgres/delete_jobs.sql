-- Removes those of the jobs that a filter still leaves, none of them running; in the order of ids, so that two who do this
-- cannot deadlock.
DELETE FROM drip_job
WHERE id = ANY (ARRAY(
    SELECT id
    FROM drip_job
    WHERE id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(:found)))
      AND state <> 'running' {filter}
    ORDER BY id
    FOR UPDATE))
