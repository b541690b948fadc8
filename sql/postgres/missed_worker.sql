-- A worker whose heart has not beaten since; locked, so that one only gives its jobs to others. One whose row somebody else
-- has locked is about to beat, or being buried.
SELECT id FROM drip_worker WHERE id = :worker AND beats = :beats FOR UPDATE SKIP LOCKED
