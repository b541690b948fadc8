-- Which of these claims still stand.
SELECT drip_job.id, drip_job.claim_seq
FROM json_each(:claims) AS claim
CROSS JOIN drip_job ON drip_job.id = CAST(claim.key AS INTEGER)
WHERE drip_job.state = 'running' AND drip_job.claim_seq = claim.value
