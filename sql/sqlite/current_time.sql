-- The time by the clock that decides: this machine's, which the statement is given.
SELECT :now
