-- From here on no statement may take longer; what held before is kept, to be restored. The server's unit is the second.
SET @drip_max_statement_time = @@SESSION.max_statement_time, SESSION max_statement_time = :limit_ms / 1000
