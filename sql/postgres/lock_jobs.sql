-- Reads jobs and keeps others from changing them; in the order of ids, so that two who do this cannot deadlock.
SELECT {job}, COALESCE(:now, statement_timestamp())
FROM drip_job
WHERE id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(:ids)))
ORDER BY id
FOR UPDATE
