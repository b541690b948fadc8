-- Inserts many jobs without unique keys; ids rise in the order of the array.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral)
SELECT CASE WHEN value ->> '$.pending' THEN 'pending'
            WHEN COALESCE(value ->> '$.scheduled_at', :now) > :now THEN 'scheduled' ELSE 'available' END,
       value ->> '$.queue', value ->> '$.kind', value ->> '$.priority', value ->> '$.args', value ->> '$.metadata',
       value ->> '$.tags', value ->> '$.max_attempts', COALESCE(value ->> '$.scheduled_at', :now), :now,
       value ->> '$.expires_at', value ->> '$.timeout_ms', value ->> '$.ephemeral'
FROM json_each(:jobs)
WHERE true
ORDER BY key
RETURNING id, state, scheduled_at, created_at, expires_at
