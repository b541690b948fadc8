-- The time by the clock that decides.
SELECT COALESCE(:now, statement_timestamp())
