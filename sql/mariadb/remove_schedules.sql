-- Removes the schedules of an owner that it does not declare any more.
DELETE FROM drip_schedule
WHERE owner = :owner AND name NOT IN (
    SELECT declared.name
    FROM JSON_TABLE(:names, '$[*]' COLUMNS (
        name VARCHAR(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS declared)
