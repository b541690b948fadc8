-- Which server it is, and what it does so that commits survive a loss of power.
SELECT 'version', @@version
UNION ALL SELECT 'innodb_flush_log_at_trx_commit', CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS CHAR)
UNION ALL SELECT 'innodb_doublewrite', CAST(@@GLOBAL.innodb_doublewrite AS CHAR)
UNION ALL SELECT 'log_bin', IF(@@GLOBAL.log_bin, 'on', 'off')
UNION ALL SELECT 'sync_binlog', CAST(@@GLOBAL.sync_binlog AS CHAR)
