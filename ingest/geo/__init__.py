"""Geometry of the Earth: degrees, metres, squares on the ground. It knows no file of imagery and no database.

In reading order: geometry, footprints, geoparquet, outline, grid, area, degrees, kml, area_file, feature_file,
degree_blocks.
"""
