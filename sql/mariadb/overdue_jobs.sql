-- Jobs that are running under claims that were made by this time, in order of ids.
SELECT id, claim_seq, queue, attempted_at
FROM drip_job FORCE INDEX (drip_job_due)
WHERE state = 'running' AND id > :after_id AND attempted_at <= :until
ORDER BY id
LIMIT :limit
