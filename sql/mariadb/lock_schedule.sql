-- One schedule, which nobody else changes meanwhile.
SELECT {schedule}, COALESCE(:now, UTC_TIMESTAMP(6)) FROM drip_schedule WHERE name = :name FOR UPDATE
