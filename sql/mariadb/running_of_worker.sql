-- What a worker is running, or was, in order of ids; of its claims between these times. Locked, but for what
-- somebody else has locked: that may be the very transaction of the dead, which its database keeps open until it has noticed
-- as well.
SELECT id
FROM drip_job FORCE INDEX (drip_job_due)
WHERE state = 'running' AND attempted_by = :worker
  AND (:since IS NULL OR attempted_at > :since)
  AND (:before IS NULL OR attempted_at < :before)
ORDER BY id
LIMIT :limit
FOR UPDATE SKIP LOCKED
