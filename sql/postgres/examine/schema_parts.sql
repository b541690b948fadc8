-- What there is of our tables: each column, as table.column, and each index that can be used.
SELECT relation.relname || '.' || attname
FROM pg_attribute JOIN pg_class AS relation ON relation.oid = attrelid
WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (
    to_regclass('drip_job'), to_regclass('drip_queue'), to_regclass('drip_worker'), to_regclass('drip_timetable'),
    to_regclass('drip_schedule'))
UNION ALL
SELECT index.relname
FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE indisvalid AND indrelid IN (
    to_regclass('drip_job'), to_regclass('drip_queue'), to_regclass('drip_worker'), to_regclass('drip_timetable'),
    to_regclass('drip_schedule'))
