-- Registers a worker. One that is there already has its lease renewed.
INSERT INTO drip_worker (id, label, host, pid, version, queues, kinds, concurrency, lease_ms, started_at, heartbeat_at)
VALUES (:worker, :label, :host, :pid, :library, :queues, :kinds, :concurrency, :lease_ms, COALESCE(:now, statement_timestamp()), COALESCE(:now, statement_timestamp()))
ON CONFLICT (id) DO UPDATE SET lease_ms = excluded.lease_ms, beats = drip_worker.beats + 1,
    heartbeat_at = excluded.heartbeat_at
