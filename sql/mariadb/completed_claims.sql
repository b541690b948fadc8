-- Which of these claims have been completed.
SELECT drip_job.id, drip_job.claim_seq
FROM JSON_TABLE(:claims, '$[*]' COLUMNS (id BIGINT PATH '$[0]', claim_seq BIGINT PATH '$[1]')) AS claim
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = claim.id
WHERE drip_job.state = 'completed' AND drip_job.claim_seq = claim.claim_seq
