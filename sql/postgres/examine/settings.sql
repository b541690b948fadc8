-- Which server it is, and what it does so that commits survive a loss of power: this session's settings.
SELECT CASE name WHEN 'server_version' THEN 'version' ELSE name END, setting
FROM pg_settings
WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes')
ORDER BY array_position(ARRAY['server_version', 'fsync', 'synchronous_commit', 'full_page_writes'], name)
