-- Whether a transaction is open. With autocommit off, the next statement opens one by itself.
SELECT @@in_transaction OR NOT @@autocommit
