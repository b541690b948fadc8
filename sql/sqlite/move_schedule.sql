-- Moves a schedule on, past the slots that have yielded their jobs.
UPDATE drip_schedule
SET next_at = :next_at, last_slot_at = COALESCE(:slot, last_slot_at), last_job_id = COALESCE(:job, last_job_id)
WHERE name = :name
