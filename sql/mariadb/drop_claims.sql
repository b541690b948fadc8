-- Removes ephemeral jobs whose claims still stand; found by their ids, as they are completed.
DELETE drip_job
FROM JSON_TABLE(:claims, '$[*]' COLUMNS (id BIGINT PATH '$[0]', claim_seq BIGINT PATH '$[1]')) AS claim
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = claim.id
WHERE drip_job.state = 'running' AND drip_job.claim_seq = claim.claim_seq AND drip_job.ephemeral
