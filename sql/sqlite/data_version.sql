-- A number that differs after each commit of another connection.
SELECT data_version FROM pragma_data_version
