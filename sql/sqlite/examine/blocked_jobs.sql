-- Jobs that are due and stay where they are, because others hold their unique keys; with one that does. Among those that
-- have been due for longest.
SELECT waiting.id, (SELECT id FROM drip_job WHERE unique_key = waiting.unique_key AND id <> waiting.id AND {active} LIMIT 1)
FROM (SELECT id, unique_key FROM drip_job
      WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= :now
      ORDER BY scheduled_at LIMIT 10000) AS waiting
WHERE unique_key IS NOT NULL AND EXISTS (SELECT 1 FROM drip_job WHERE unique_key = waiting.unique_key AND id <> waiting.id AND {active})
LIMIT 100
