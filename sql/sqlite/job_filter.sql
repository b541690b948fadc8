-- What each criterion of a filter asks of a job. Those that are given are put in the place {filter} of the statements that
-- take one; a list in parentheses gets a placeholder for each value.

-- SQLite uses a partial index only if its own condition stands there word for word: [available], [seldom] and [final] are
-- added where all states that are asked for are among theirs.

-- [none]
AND false
-- [ids]
AND id IN (:ids)
-- [states]
AND state IN ({states})
-- [available]
AND state = 'available'
-- [seldom]
AND state <> 'available' AND state <> 'completed'
-- [final]
AND finalized_at IS NOT NULL
-- [queues]
AND queue IN (:queues)
-- [kinds]
AND kind IN (:kinds)
-- [priorities]
AND priority IN (:priorities)
-- [tag]
EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)
-- [key]
EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = :key)
-- [workers]
AND attempted_by IN (:workers)
-- [id_from]
AND id >= :id_from
-- [id_to]
AND id <= :id_to
-- [created_from]
AND created_at >= :created_from
-- [created_to]
AND created_at <= :created_to
-- [scheduled_from]
AND scheduled_at >= :scheduled_from
-- [scheduled_to]
AND scheduled_at <= :scheduled_to
-- [finalized_from]
AND finalized_at >= :finalized_from
-- [finalized_to]
AND finalized_at <= :finalized_to
