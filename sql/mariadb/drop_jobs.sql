-- Removes ephemeral jobs that have completed, read under a lock.
DELETE drip_job
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS one
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = one.wanted
WHERE drip_job.ephemeral
