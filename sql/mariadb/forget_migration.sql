-- A step has been taken back.
DELETE FROM drip_migration WHERE version = :version
