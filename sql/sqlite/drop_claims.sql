-- Removes ephemeral jobs whose claims still stand.
DELETE FROM drip_job
WHERE (id, claim_seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:claims)) AND state = 'running' AND ephemeral
