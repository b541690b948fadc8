-- The queues that have a row, the one that stands for all included.
SELECT name, paused_at, metadata FROM drip_queue
