-- Gives some free pages back to the file system.
PRAGMA incremental_vacuum(500)
