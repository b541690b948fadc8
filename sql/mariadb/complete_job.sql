-- Completes a claim that still stands.
UPDATE drip_job FORCE INDEX (PRIMARY)
SET state = 'completed', finalized_at = COALESCE(:now, UTC_TIMESTAMP(6))
WHERE id = :id AND state = 'running' AND claim_seq = :claim_seq
