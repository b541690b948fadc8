-- The schedules of an owner that it does not declare any more yield nothing until it does again.
UPDATE drip_schedule SET retired_at = COALESCE(:now, UTC_TIMESTAMP(6))
WHERE owner = :owner AND retired_at IS NULL AND name NOT IN (
    SELECT declared.name
    FROM JSON_TABLE(:names, '$[*]' COLUMNS (
        name VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS declared)
