-- Jobs that are due and stay where they are, because others hold their unique keys; with one that does.
SELECT waiting.id, holder.id
FROM (SELECT id, unique_key FROM drip_job FORCE INDEX (drip_job_due)
      WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6)) AND unique_key IS NOT NULL
      ORDER BY scheduled_at LIMIT 1000) AS waiting
JOIN drip_job AS holder ON holder.unique_active = waiting.unique_key AND holder.id <> waiting.id
LIMIT 100
