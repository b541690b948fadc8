-- Completes claims that still stand.
UPDATE JSON_TABLE(:claims, '$[*]' COLUMNS (id BIGINT PATH '$[0]', claim_seq BIGINT PATH '$[1]')) AS claim
STRAIGHT_JOIN drip_job ON drip_job.id = claim.id
SET drip_job.state = 'completed', drip_job.finalized_at = COALESCE(:now, UTC_TIMESTAMP(6))
WHERE drip_job.state = 'running' AND drip_job.claim_seq = claim.claim_seq
