-- Completes a claim that still stands.
UPDATE drip_job SET state = 'completed', finalized_at = :now WHERE id = :id AND state = 'running' AND claim_seq = :claim_seq
