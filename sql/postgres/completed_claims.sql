-- Which of these claims have been completed. IS TRUE hides the state from the planner, which may take its partial index
-- for a shorter way than the ids, and read all that is in that state.
SELECT drip_job.id, drip_job.claim_seq
FROM (SELECT (pair ->> 0)::bigint AS id, (pair ->> 1)::bigint AS claim_seq FROM json_array_elements(:claims) AS pair) AS claim
JOIN drip_job ON drip_job.id = claim.id
WHERE (drip_job.state = 'completed') IS TRUE AND drip_job.claim_seq = claim.claim_seq
