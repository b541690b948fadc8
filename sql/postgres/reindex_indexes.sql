-- Our indexes, each with the statement that builds it anew, and whether the server knows that: PostgreSQL 12 and newer do.
SELECT own.relname::text, format('REINDEX INDEX CONCURRENTLY %I.%I', space.nspname, own.relname),
       current_setting('server_version_num')::bigint >= 120000
FROM pg_index
JOIN pg_class AS own ON own.oid = pg_index.indexrelid
JOIN pg_namespace AS space ON space.oid = own.relnamespace
WHERE own.relname ~ '^drip_' AND own.relname !~ '_cc(new|old)[0-9]*$'
  AND pg_index.indrelid IN (
      to_regclass('drip_job'), to_regclass('drip_queue'), to_regclass('drip_worker'), to_regclass('drip_timetable'),
      to_regclass('drip_schedule'))
ORDER BY own.relname
