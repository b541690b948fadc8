-- Whether autovacuum is on for the server, and for the job table; and the statements that turn it on.
SELECT current_setting('autovacuum')::boolean,
       NOT EXISTS (
           SELECT FROM pg_class, pg_options_to_table(reloptions)
           WHERE pg_class.oid = to_regclass('drip_job')
             AND option_name = 'autovacuum_enabled' AND NOT option_value::boolean),
       'ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();',
       format('ALTER TABLE %s RESET (autovacuum_enabled);', to_regclass('drip_job'))
