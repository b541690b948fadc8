-- Removes jobs that have been locked in the same transaction.
DELETE FROM drip_job WHERE id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(:ids)))
