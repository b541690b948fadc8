-- Removes jobs that have been locked in the same transaction.
DELETE drip_job
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS one
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = one.wanted
