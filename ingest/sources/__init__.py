"""Imagery that can be read by place: a square on the ground in, pixels and a valid mask out.

In reading order: source (what all have in common), bands, handles, warp, rasterfile, inspection, raster (GeoTIFF,
MBTiles, folders), allowed_hosts, web, tilestore, stac, crop (a raster as a plain picture), picture, pyramid (XYZ, URL
templates, PMTiles), chips.
"""
