-- Removes those of the jobs that a filter still leaves, none of them running. By their ids, and nothing else: a search
-- that locks what it looks at would, for a moment, hide the jobs of others from whoever claims them.
DELETE drip_job
FROM JSON_TABLE(:found, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS one
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = one.wanted
WHERE state <> 'running' {filter}
