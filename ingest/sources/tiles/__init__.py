"""Map tiles in Web Mercator as they are kept: encoded pictures by zoom, column and row, and what is said of them.

In reading order: template (a pattern of addresses), description (what a pyramid says of itself), store (what all have
in common), folder, server, directories (of PMTiles), pmtiles_store, mbtiles_store, vector (a map of vector tiles that
somebody brings).
"""
