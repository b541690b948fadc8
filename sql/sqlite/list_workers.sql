-- The workers that live, or have not been missed yet.
SELECT id, label, host, pid, version, queues, kinds, concurrency, lease_ms, beats, started_at, heartbeat_at, claimed_at
FROM drip_worker
ORDER BY started_at, id
