-- Reads jobs and keeps others from changing them; in the order of ids, so that two who do this cannot deadlock.
SELECT {job}, COALESCE(:now, UTC_TIMESTAMP(6))
FROM JSON_TABLE(:ids, '$[*]' COLUMNS (wanted BIGINT PATH '$')) AS one
STRAIGHT_JOIN drip_job FORCE INDEX (PRIMARY) ON id = wanted
ORDER BY id
FOR UPDATE
