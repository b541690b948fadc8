-- Copies all of the write-ahead log into the file, and cuts it off. Waits for readers as long as the connection would for any
-- lock, and nobody writes meanwhile.
PRAGMA wal_checkpoint(TRUNCATE)
