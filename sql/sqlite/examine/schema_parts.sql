-- What there is of our tables: each column, as table.column (the virtual ones too), and each index.
SELECT one.name || '.' || column.name
FROM sqlite_master AS one JOIN pragma_table_xinfo(one.name) AS column
WHERE one.type = 'table' AND one.name LIKE 'drip|_%' ESCAPE '|'
UNION ALL
SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'drip|_%' ESCAPE '|'
