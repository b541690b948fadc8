-- What held before limit_time.
SET SESSION max_statement_time = COALESCE(0e0 + @drip_max_statement_time, @@SESSION.max_statement_time)
