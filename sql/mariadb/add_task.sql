-- Gives a task its row, with the first run due at once, unless it has one.
INSERT INTO drip_timetable (task, next_at)
VALUES (:task, COALESCE(:now, UTC_TIMESTAMP(6)))
ON DUPLICATE KEY UPDATE task = task
