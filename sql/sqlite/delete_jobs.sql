-- Removes those of the jobs that a filter still leaves, none of them running.
DELETE FROM drip_job
WHERE id IN (SELECT value FROM json_each(:found)) AND state <> 'running' {filter}
