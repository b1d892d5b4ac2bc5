"""Embeddings that somebody else made, into a collection: tables and rasters of vectors, read by their layout.

In reading order: quantised, dates, geo_header, middles, outlines, major_tom, layouts, options, tables (one Parquet
file), stac_item, listing (which files), rows, brought (what all sources have in common), table_vectors, raster_vectors,
request, importing.
"""
