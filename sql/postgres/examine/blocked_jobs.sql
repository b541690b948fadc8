-- Jobs that are due and stay where they are, because others hold their unique keys; with one that does.
SELECT waiting.id, (SELECT id FROM drip_job WHERE unique_key = waiting.unique_key AND id <> waiting.id AND {active} LIMIT 1)
FROM (SELECT id, unique_key FROM drip_job
      WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= COALESCE(:now, statement_timestamp()) AND unique_key IS NOT NULL
      ORDER BY scheduled_at LIMIT 1000) AS waiting
WHERE EXISTS (SELECT 1 FROM drip_job WHERE unique_key = waiting.unique_key AND id <> waiting.id AND {active})
LIMIT 100
