-- Whether this role may see what other roles' sessions do; and who it is, as a GRANT names it.
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), quote_ident(current_user)
