-- Locks jobs that have been found in the same transaction and still can be claimed, stepping over those that others have
-- locked.
SELECT {job}, COALESCE(:now, UTC_TIMESTAMP(6))
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS found
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON id = wanted
WHERE state = 'available' AND queue = :queue AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED
