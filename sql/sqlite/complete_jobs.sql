-- Completes claims that still stand.
UPDATE drip_job
SET state = 'completed', finalized_at = :now
FROM json_each(:claims) AS claim
WHERE drip_job.id = CAST(claim.key AS INTEGER) AND drip_job.state = 'running' AND drip_job.claim_seq = claim.value
