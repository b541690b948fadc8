-- How long the connection waits for a lock, in milliseconds.
PRAGMA busy_timeout
