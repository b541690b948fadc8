-- Removes ephemeral jobs that have completed, read under a lock.
DELETE FROM drip_job
WHERE id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(:ids))) AND ephemeral
