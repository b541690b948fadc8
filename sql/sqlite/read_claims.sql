-- Reads the jobs of claims that still stand.
SELECT {job}
FROM (SELECT CAST(key AS INTEGER) AS claimed, value AS seq FROM json_each(:claims))
CROSS JOIN drip_job ON id = claimed
WHERE state = 'running' AND claim_seq = seq
