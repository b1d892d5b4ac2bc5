"""Everything that speaks SQL: models, collections, jobs, chunks, failures, names, saved questions, labels.

In reading order: names, row_sums, migrations (tables and Alembic's steps), database, clock, catalog, foreign,
aliases, server_names, deletions, leases, dispatch, progress, backlog, saved_searches, search_hits, labels, dump.
"""
