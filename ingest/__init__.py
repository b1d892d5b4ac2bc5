"""Imagery and photos into tiles, vectors, archive and index.

In reading order: settings, geo, grid, area, sources, photos, catalog, archive, index, edge_index, server_index,
scan_index, intake, pipeline, verify.
"""
