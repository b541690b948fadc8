-- Readers and the writer do not wait for each other. A property of the file: set once, kept for ever.
PRAGMA journal_mode = WAL;
