-- Which of these claims still stand.
SELECT drip_job.id, drip_job.claim_seq
FROM JSON_TABLE(:claims, '$[*]' COLUMNS (id BIGINT PATH '$[0]', claim_seq BIGINT PATH '$[1]')) AS claim
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = claim.id
WHERE drip_job.state = 'running' AND drip_job.claim_seq = claim.claim_seq
