-- Removes jobs that have been read in the same transaction.
DELETE FROM drip_job WHERE id IN (SELECT value FROM json_each(:ids))
