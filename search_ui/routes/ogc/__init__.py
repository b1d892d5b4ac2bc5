"""What a GIS takes by one address: OGC API Features and Tiles over collections, saved searches and sets of labels.

In reading order: asking (what may be asked), links (between documents), holdings (which collections there are),
features (their content as GeoJSON), map_tiles (their map as tile sets), definition (the OpenAPI document that the
standards want), documents (landing page, conformance, collections), routes (all of them).
"""
