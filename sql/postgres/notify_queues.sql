-- One notification a queue; the payload is its name.
SELECT pg_notify('drip_wake', queue) FROM json_array_elements_text(:queues) AS queue
