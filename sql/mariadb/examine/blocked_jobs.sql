-- Jobs that are due and stay where they are, because others hold their unique keys; with one that does. Among those that
-- have been due for longest.
SELECT waiting.id, holder.id
FROM (SELECT id, unique_key FROM drip_job FORCE INDEX (drip_job_due)
      WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= COALESCE(:now, UTC_TIMESTAMP(6))
      ORDER BY scheduled_at LIMIT 10000) AS waiting
JOIN drip_job AS holder ON holder.unique_active = waiting.unique_key AND holder.id <> waiting.id
LIMIT 100
