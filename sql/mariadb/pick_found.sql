-- Locks jobs that have been found in the same transaction and still can be claimed, stepping over those that others have
-- locked.
--
-- By the claim's index, whose entry is then locked before the row, as pick_jobs does too. By the primary key it was the row,
-- and its entry when it was marked; claimers that drained one queue together had a deadlock now and then.
SELECT {job}, COALESCE(:now, UTC_TIMESTAMP(6))
FROM JSON_TABLE(:places, '$[*]' COLUMNS (
         wanted BIGINT PATH '$.id',
         due VARCHAR(27) CHARACTER SET ascii PATH '$.at')) AS found
STRAIGHT_JOIN drip_job FORCE INDEX (drip_job_claim)
   ON state = 'available' AND queue = :queue AND priority = :from_priority
  AND scheduled_at = STR_TO_DATE(due, '%Y-%m-%dT%H:%i:%s.%fZ') AND id = wanted
WHERE scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED
