-- Open transactions, with their age in seconds; the oldest first, each with the statement that ends it. They
-- began on the clock of the server's zone, whatever the session's.
SELECT CONCAT('connection ', trx_mysql_thread_id, COALESCE(CONCAT(' (user ', process.user, ', ', LOWER(process.command), ')'), '')),
       CAST(TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(COALESCE(:now, UTC_TIMESTAMP()), '+00:00', 'SYSTEM')) AS SIGNED), NULL,
       CONCAT('KILL ', trx_mysql_thread_id, ';')
FROM information_schema.innodb_trx
LEFT JOIN information_schema.processlist AS process ON process.id = trx_mysql_thread_id
WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID())
ORDER BY trx_started
LIMIT 10
