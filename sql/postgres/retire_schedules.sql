-- The schedules of an owner that it does not declare any more yield nothing until it does again.
UPDATE drip_schedule SET retired_at = COALESCE(:now, statement_timestamp())
WHERE owner = :owner AND retired_at IS NULL AND name <> ALL (ARRAY(SELECT json_array_elements_text(:names)))
