-- A worker whose heart has not beaten since. The transaction is the only writer.
SELECT id FROM drip_worker WHERE id = :worker AND beats = :beats
