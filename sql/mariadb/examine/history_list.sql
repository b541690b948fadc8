-- How many old versions of rows wait to be purged.
SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status
WHERE variable_name = 'INNODB_HISTORY_LIST_LENGTH'
