-- Pauses a schedule; one that is paused already stays so since the same time.
UPDATE drip_schedule
SET paused_at = COALESCE(paused_at, :now), updated_at = :now
WHERE name = :name
