-- Reads jobs; the transaction is the only writer.
SELECT {job}, :now FROM drip_job WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id
