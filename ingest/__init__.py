"""Imagery and photos into tiles, vectors, archive and index.

In reading order: settings, geo, grid, outline, area, sources, picture, exif, photo_manifest, photos, catalog, index,
edge_index, server_index, scan_index, archive, indexing, intake, request, plan, pipeline, job, verify.
"""
