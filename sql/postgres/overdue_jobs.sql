-- Jobs that are running under claims that were made by this time, in order of ids.
SELECT id, claim_seq, queue, attempted_at
FROM drip_job
-- Not along the primary key, where everything might be looked through.
WHERE state = 'running' AND id + 0 > :after_id AND attempted_at <= :until
ORDER BY id + 0
LIMIT :limit
