-- Claims jobs that have been picked in the same transaction.
UPDATE JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS picked
STRAIGHT_JOIN drip_job ON drip_job.id = picked.wanted
SET drip_job.state = 'running', drip_job.attempt = drip_job.attempt + 1, drip_job.claim_seq = drip_job.claim_seq + 1,
    drip_job.attempted_at = :at, drip_job.attempted_by = :worker
WHERE drip_job.state = 'available'
