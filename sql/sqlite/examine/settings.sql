-- Which SQLite it is, and what it does so that commits survive a loss of power: this connection's settings.
SELECT 'version', sqlite_version()
UNION ALL SELECT 'journal_mode', journal_mode FROM pragma_journal_mode
UNION ALL SELECT 'synchronous', CASE synchronous WHEN 0 THEN 'off' WHEN 1 THEN 'normal' WHEN 2 THEN 'full' ELSE 'extra' END
          FROM pragma_synchronous
