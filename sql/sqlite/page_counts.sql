-- How many pages are free, and how they are given back (2: when they are asked for).
SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT auto_vacuum FROM pragma_auto_vacuum)
