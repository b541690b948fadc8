-- What is the server's to decide in connections that do not say.
SELECT @@GLOBAL.sql_mode
