-- Completes claims that still stand. Found by their ids, whatever the statistics of a small table say: by their state, it
-- would lock every other claim on its way, and two that do so deadlock.
UPDATE JSON_TABLE(:claims, '$[*]' COLUMNS (id BIGINT PATH '$[0]', claim_seq BIGINT PATH '$[1]')) AS claim
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = claim.id
SET drip_job.state = 'completed', drip_job.finalized_at = COALESCE(:now, UTC_TIMESTAMP(6))
WHERE drip_job.state = 'running' AND drip_job.claim_seq = claim.claim_seq
