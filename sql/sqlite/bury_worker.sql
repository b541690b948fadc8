-- Removes a worker whose heart has not beaten since; whoever does is the one who gives its jobs to others.
DELETE FROM drip_worker WHERE id = :worker AND beats = :beats
