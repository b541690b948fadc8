-- A connection that a worker's thread keeps for its own statements. Each of them finds its rows through an index; but on
-- a table that was never analysed the planner may think otherwise (4.7 against 7.5 ms for 1000 rows).
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
-- A bitmap has no order: the claim would read all that waits in a queue and sort it, where few are thought to wait.
SET enable_bitmapscan = off;
-- A statement that is a transaction by itself cannot ask for a level: a claim under a stricter one would fail where it
-- should step over what others have claimed.
SET default_transaction_isolation = 'read committed';
-- A frozen process must not hold locks for long.
SET idle_in_transaction_session_timeout = '30s';
