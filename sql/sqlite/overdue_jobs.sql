-- Jobs that are running under claims that were made by this time, in order of ids.
SELECT id, claim_seq, queue, attempted_at
-- The second condition on the state is the index's own, word for word: SQLite uses it for nothing less.
FROM drip_job INDEXED BY drip_job_state
WHERE state = 'running' AND state <> 'available' AND state <> 'completed'
  AND id > :after_id AND attempted_at <= :until
ORDER BY id
LIMIT :limit
