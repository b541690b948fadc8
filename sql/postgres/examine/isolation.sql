-- The isolation of transactions that do not say theirs.
SELECT current_setting('default_transaction_isolation')
