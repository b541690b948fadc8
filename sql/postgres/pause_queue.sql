-- Pauses a queue, which need not have a row; one that is paused already stays so since the same time.
INSERT INTO drip_queue (name, paused_at, created_at, updated_at)
VALUES (:name, COALESCE(:now, statement_timestamp()), COALESCE(:now, statement_timestamp()),
        COALESCE(:now, statement_timestamp()))
ON CONFLICT (name) DO UPDATE
SET paused_at = COALESCE(drip_queue.paused_at, excluded.paused_at), updated_at = excluded.updated_at
