"""Celery workers: the ingest pipeline, elsewhere. Empty until the queue is built."""
