-- Resumes a schedule; the slots until then yield nothing.
UPDATE drip_schedule
SET paused_at = NULL, retired_at = NULL, next_at = :next_at, updated_at = :now
WHERE name = :name
