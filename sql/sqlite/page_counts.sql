-- How large a page is, how many are free, and how free ones are given back (2: when they are asked for).
SELECT (SELECT page_size FROM pragma_page_size), (SELECT freelist_count FROM pragma_freelist_count),
       (SELECT auto_vacuum FROM pragma_auto_vacuum)
