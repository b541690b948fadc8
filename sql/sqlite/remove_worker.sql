-- Removes a worker that stops.
DELETE FROM drip_worker WHERE id = :worker
