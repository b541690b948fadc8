-- Claims jobs that have been picked in the same transaction.
-- An attempt that somebody wrote by hand is brought into range: it must not fail the claim of all the others.
UPDATE JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS picked
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON drip_job.id = picked.wanted
SET drip_job.state = 'running', drip_job.attempt = LEAST(GREATEST(drip_job.attempt, 0), 4294967294) + 1,
    drip_job.claim_seq = drip_job.claim_seq + 1, drip_job.attempted_at = :at, drip_job.attempted_by = :worker
WHERE drip_job.state = 'available'
