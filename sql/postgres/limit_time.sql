-- For the rest of this transaction no statement may take longer, in ms. A setting of the session would outlive us behind a
-- pooler that hands connections on after each transaction.
SELECT set_config('statement_timeout', :limit_ms, true)
