-- What a REINDEX CONCURRENTLY that failed has left of our indexes, each with the statement that removes it.
SELECT leftover.relname::text, format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', space.nspname, leftover.relname)
FROM pg_index
JOIN pg_class AS leftover ON leftover.oid = pg_index.indexrelid
JOIN pg_namespace AS space ON space.oid = leftover.relnamespace
WHERE NOT pg_index.indisvalid AND leftover.relname ~ '^drip_.*_cc(new|old)[0-9]*$'
  AND pg_index.indrelid IN (
      to_regclass('drip_job'), to_regclass('drip_queue'), to_regclass('drip_worker'), to_regclass('drip_timetable'),
      to_regclass('drip_schedule'))
ORDER BY leftover.relname
