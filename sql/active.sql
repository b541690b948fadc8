unique_key IS NOT NULL AND (unique_states >> CASE state
    WHEN 'available' THEN 0 WHEN 'running' THEN 1 WHEN 'completed' THEN 2 WHEN 'retryable' THEN 3
    WHEN 'discarded' THEN 4 WHEN 'cancelled' THEN 5 WHEN 'scheduled' THEN 6 WHEN 'pending' THEN 7 END) & 1 = 1
