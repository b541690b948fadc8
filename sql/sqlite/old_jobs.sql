-- Of one queue the jobs that have ended in this state up to a time, oldest first, from where the batch before has come to:
-- what is deleted and not yet cleared away is not looked at again.
SELECT id, finalized_at
FROM drip_job INDEXED BY drip_job_final
WHERE state = :final AND finalized_at IS NOT NULL AND queue = :queue
  AND finalized_at BETWEEN :from AND :until
ORDER BY finalized_at
LIMIT :limit
