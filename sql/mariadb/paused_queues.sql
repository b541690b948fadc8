-- The queues that are paused, the one that stands for all included. Reads a row a queue, never a job.
SELECT name FROM drip_queue WHERE paused_at IS NOT NULL
