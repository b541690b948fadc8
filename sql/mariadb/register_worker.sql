-- Registers a worker. One that is there already has its lease renewed.
INSERT INTO drip_worker (id, label, host, pid, version, queues, kinds, concurrency, lease_ms, started_at, heartbeat_at)
VALUES (:worker, :label, :host, :pid, :library, :queues, :kinds, :concurrency, :lease_ms, COALESCE(:now, UTC_TIMESTAMP(6)), COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE lease_ms = VALUES(lease_ms), beats = beats + 1, heartbeat_at = VALUES(heartbeat_at)
