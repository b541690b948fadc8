-- How the file keeps its journal.
SELECT journal_mode FROM pragma_journal_mode
