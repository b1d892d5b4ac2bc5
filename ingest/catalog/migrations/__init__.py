"""Alembic migrations of the catalog; run by `ingest.catalog.catalog.upgrade`, never by hand."""
