-- How much of the queue of notifications is in use, in percent.
SELECT ceil(pg_notification_queue_usage() * 100)::bigint
