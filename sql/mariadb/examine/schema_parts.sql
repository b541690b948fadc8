-- What there is of our tables: each column, as table.column, and each index.
SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name LIKE 'drip|_%' ESCAPE '|'
UNION ALL
SELECT DISTINCT index_name FROM information_schema.statistics
WHERE table_schema = DATABASE() AND table_name LIKE 'drip|_%' ESCAPE '|'
