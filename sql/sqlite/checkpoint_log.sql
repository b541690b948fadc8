-- Copies from the write-ahead log into the file what no reader needs in the log any more, and waits for nobody. Whether it was
-- kept from it, how many pages the log holds, and how many of them have been copied.
PRAGMA wal_checkpoint(PASSIVE)
