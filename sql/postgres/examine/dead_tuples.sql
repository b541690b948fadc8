-- Live and dead rows of our tables, as last counted; when they were last cleared away; and the statement that does.
SELECT relname::text, n_live_tup, n_dead_tup, GREATEST(last_vacuum, last_autovacuum),
       format('VACUUM (ANALYZE) %s;', relid::regclass)
FROM pg_stat_user_tables
WHERE relid IN (
    to_regclass('drip_job'), to_regclass('drip_queue'), to_regclass('drip_worker'), to_regclass('drip_timetable'),
    to_regclass('drip_schedule'))
ORDER BY n_dead_tup DESC
