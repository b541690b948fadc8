-- The time by the clock that decides.
SELECT COALESCE(:now, UTC_TIMESTAMP(6))
