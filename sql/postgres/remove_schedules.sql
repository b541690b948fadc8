-- Removes the schedules of an owner that it does not declare any more.
DELETE FROM drip_schedule
WHERE owner = :owner AND name <> ALL (ARRAY(SELECT json_array_elements_text(:names)))
