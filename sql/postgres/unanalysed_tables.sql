-- Our tables of which the planner has no statistics though they hold rows, each with the statement that makes some.
SELECT format('ANALYZE %I.%I', schemaname, relname)
FROM pg_stat_user_tables
WHERE relid IN (to_regclass('drip_job')) AND n_live_tup > 0 AND last_analyze IS NULL AND last_autoanalyze IS NULL
