-- Whoever migrates next waits here until this transaction ends. The number is this crate's own, chosen at random.
SELECT pg_advisory_xact_lock(7310578114262033001);
CREATE TABLE IF NOT EXISTS drip_migration (
    version    bigint      PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp()
);
