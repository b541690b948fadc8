-- One notification a queue; the payload is its name. It is lost with the server whatever happens, so nobody need wait until
-- its commit is on the disk: who listens in another process is told a sync earlier. A setting of this statement alone.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('drip_wake', queue)
FROM json_array_elements_text(:queues) AS queue
