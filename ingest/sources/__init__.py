"""Imagery that can be read by place: a square on the ground in, pixels and a valid mask out.

In reading order: source (what all have in common), colours, products, bands, handles, warp, rasterfile, inspection,
composite, raster (GeoTIFF, MBTiles, lists), scene (folders), allowed_hosts, web, tilestore, stac_assets, stac, crop (a
raster as a plain picture), picture, decoding (chips and map tiles), pyramid (XYZ, URL templates, PMTiles), chips.
"""
