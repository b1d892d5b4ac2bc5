"""Rasters as GDAL opens them: GeoTIFF and its kind, by place.

In reading order: reach, vrt, vrt_sources, jpeg2000, libjpeg, controlpoints, handles (opened files), warp, extent,
rasterfile, inspection, composite, raster (one file, or a list), vectors (pixels that are embeddings).
"""
