-- Removes ephemeral jobs whose claims still stand.
DELETE FROM drip_job
WHERE (id, claim_seq) IN (SELECT CAST(key AS INTEGER), value FROM json_each(:claims)) AND state = 'running' AND ephemeral
