-- Inserts many jobs without unique keys; ids rise in the order of the array.
INSERT INTO drip_job (state, queue, kind, priority, args, metadata, tags, max_attempts, scheduled_at, created_at,
                      expires_at, timeout_ms, ephemeral)
SELECT CASE WHEN pending THEN 'pending' WHEN at > now THEN 'scheduled' ELSE 'available' END,
       queue, kind, priority, args, metadata, tags, max_attempts, at, now,
       now + INTERVAL ttl_us MICROSECOND, timeout_ms, ephemeral
FROM (SELECT j.*, clock.now, COALESCE(STR_TO_DATE(j.scheduled_at, '%Y-%m-%dT%H:%i:%s.%fZ'),
                                      clock.now + INTERVAL j.delay_us MICROSECOND, clock.now) AS at
      FROM (SELECT COALESCE(:now, UTC_TIMESTAMP(6)) AS now) AS clock
      CROSS JOIN JSON_TABLE(:jobs, '$[*]' COLUMNS (
          n INT PATH '$.n',
          queue VARCHAR(127) CHARACTER SET utf8mb4 PATH '$.queue',
          kind VARCHAR(127) CHARACTER SET utf8mb4 PATH '$.kind',
          priority TINYINT PATH '$.priority',
          args LONGTEXT CHARACTER SET utf8mb4 PATH '$.args',
          metadata LONGTEXT CHARACTER SET utf8mb4 PATH '$.metadata',
          tags LONGTEXT CHARACTER SET utf8mb4 PATH '$.tags',
          max_attempts BIGINT PATH '$.max_attempts',
          scheduled_at VARCHAR(27) CHARACTER SET utf8mb4 PATH '$.scheduled_at',
          delay_us BIGINT PATH '$.delay_us',
          ttl_us BIGINT PATH '$.ttl_us',
          timeout_ms BIGINT PATH '$.timeout_ms',
          ephemeral BOOLEAN PATH '$.ephemeral',
          pending BOOLEAN PATH '$.pending')) AS j
      -- No row if the transaction that they should be part of is gone.
      WHERE NOT :callers OR @@in_transaction = 1) AS due
ORDER BY n
RETURNING id, state, scheduled_at, created_at, expires_at
