-- Makes due jobs available that have been locked in the same transaction.
UPDATE JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS due
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = due.wanted
SET drip_job.state = 'available'
WHERE drip_job.state IN ('scheduled', 'retryable')
