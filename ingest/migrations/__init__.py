"""Alembic migrations of the catalog; run by `ingest.catalog.upgrade`, never by hand."""
