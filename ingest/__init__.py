"""Imagery and photos into tiles, vectors, archive and index.

In reading order: geo, addresses, catalog, archive, settings, places, sources, photos, sandbox, opening, index, field,
jobs, pairs, backup, embeddings.
"""
