-- A connection that we have opened. No statement is compiled just in time: the planner expects a claim to read a tenth of
-- all jobs and so has it compiled, each time anew (76 ms rather than 0.15 where 500,000 are available). Before PostgreSQL
-- 11 there is no such setting.
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'jit';
