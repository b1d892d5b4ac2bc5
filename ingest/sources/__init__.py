"""Imagery that can be read by place: a square on the ground in, pixels and a valid mask out.

In reading order: source (what all have in common), colours, products, bands, allowed_hosts, jpeg, picture, patience,
web, download, references (where what a file names may lie), rasters (GeoTIFF, lists), decoding (chips and map tiles),
tiles (where map tiles are kept), scene (folders), stac_assets, stac, crop (a raster as a plain picture), pyramid (XYZ,
URL templates, PMTiles, MBTiles), chips.
"""
