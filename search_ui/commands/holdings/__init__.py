"""Commands that bring imagery and photos in, and look after what is held.

In reading order: ingest, embeddings, photos, versions, collection, jobs, labels, worker, publish, verify, backup,
restore, recover.
"""
