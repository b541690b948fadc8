-- What keeps dead rows of this database from being cleared away: open transactions and prepared ones, with their age in
-- seconds, and replication slots, with theirs in transactions; the oldest first, each with the statement that ends it.
SELECT format('process %s (user %s, application %s, %s)', pid, usename, application_name, state),
       extract(epoch FROM COALESCE(:now, clock_timestamp()) - xact_start)::bigint, NULL::bigint,
       format('SELECT pg_terminate_backend(%s);', pid)
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
  AND (datname = current_database() OR datname IS NULL) AND backend_type <> 'autovacuum worker'
  AND pid <> pg_backend_pid()
UNION ALL
SELECT format('prepared transaction %s (user %s)', gid, owner),
       extract(epoch FROM COALESCE(:now, clock_timestamp()) - prepared)::bigint, NULL,
       format('ROLLBACK PREPARED %L;', gid)
FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT format('replication slot %s', slot_name), NULL, age(xmin)::bigint,
       format('SELECT pg_drop_replication_slot(%L);', slot_name)
FROM pg_replication_slots WHERE xmin IS NOT NULL
ORDER BY 2 DESC NULLS LAST, 3 DESC
LIMIT 10
