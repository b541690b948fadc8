-- Removes ephemeral jobs whose claims still stand. IS TRUE hides the state from the planner, which may take its partial
-- index for a shorter way than the ids, and read all that is in that state.
DELETE FROM drip_job
USING (SELECT (pair ->> 0)::bigint AS id, (pair ->> 1)::bigint AS claim_seq FROM json_array_elements(:claims) AS pair) AS claim
WHERE drip_job.id = claim.id AND (drip_job.state = 'running') IS TRUE AND drip_job.claim_seq = claim.claim_seq
  AND drip_job.ephemeral
