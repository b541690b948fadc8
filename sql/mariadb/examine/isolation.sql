-- The isolation of transactions that do not say theirs. (The newer name of the variable is not known before 11.1.)
SELECT @@GLOBAL.tx_isolation
