"""Scores of tiles as pictures, rasters, tables and films.

In reading order: pixels, mercator, scales, certainty, lettering, furniture, layers, raster, films, hexagons, calendars,
snapshots, time_series, heatmap, previews.
"""
