-- A connection that sends notifications and writes nothing. These are lost with the server whatever happens, so nobody need
-- wait until their commit is on the disk: who listens in another process is told a sync earlier.
SET synchronous_commit = off;
