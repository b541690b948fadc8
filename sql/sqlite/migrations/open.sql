-- The transaction is IMMEDIATE: whoever migrates next already waits.
CREATE TABLE IF NOT EXISTS drip_migration (
    version    INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
) STRICT;
