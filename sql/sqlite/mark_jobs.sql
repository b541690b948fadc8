-- Claims jobs that have been picked in the same transaction.
-- An attempt that somebody wrote by hand is brought into range: it must not fail the claim of all the others.
UPDATE drip_job
SET state = 'running', attempt = min(max(attempt, 0), 4294967294) + 1, claim_seq = claim_seq + 1,
    attempted_at = :at, attempted_by = :worker
WHERE id IN (SELECT value FROM json_each(:ids))
