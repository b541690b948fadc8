-- Storage parameters of the job table that are not as the migrations leave them, each with the statement that sets it.
SELECT wanted.name, wanted.value, found.option_value,
       format('ALTER TABLE %s SET (%s = %s);', relation.oid::regclass, wanted.name, wanted.value)
FROM (VALUES
    ('fillfactor', '70'), ('autovacuum_vacuum_scale_factor', '0.01'), ('autovacuum_vacuum_threshold', '5000'),
    ('autovacuum_analyze_scale_factor', '0.05'), ('autovacuum_vacuum_cost_delay', '0')) AS wanted(name, value)
JOIN pg_class AS relation ON relation.oid = to_regclass('drip_job')
LEFT JOIN LATERAL pg_options_to_table(relation.reloptions) AS found ON found.option_name = wanted.name
WHERE found.option_value IS DISTINCT FROM wanted.value
ORDER BY wanted.name
