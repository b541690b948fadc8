-- One schedule, which nobody else changes meanwhile: the transaction is the only writer.
SELECT {schedule}, :now FROM drip_schedule WHERE name = :name
