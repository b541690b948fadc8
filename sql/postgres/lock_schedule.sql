-- One schedule, which nobody else changes meanwhile.
SELECT {schedule}, COALESCE(:now, statement_timestamp()) FROM drip_schedule WHERE name = :name FOR UPDATE
