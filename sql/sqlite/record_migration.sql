-- A step has been taken.
INSERT INTO drip_migration (version) VALUES (:version) ON CONFLICT DO NOTHING
