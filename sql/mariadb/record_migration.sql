-- A step has been taken; again, if it was cut short before.
INSERT INTO drip_migration (version) VALUES (:version) ON DUPLICATE KEY UPDATE version = version
