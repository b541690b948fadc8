-- The steps that this schema has taken.
SELECT version FROM drip_migration
