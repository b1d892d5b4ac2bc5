"""The HTTP routes of the app, which other programs use too; the same service answers the app's own pages.

In reading order: problems (errors and their status), lanes (threads), admission (who may ask, how much, how often),
exchange (what a route is given, and how it answers), parameters (what may be asked), pictures, layers, shown, answers,
captions, photo_time, saved, labels, watch (what has come for saved searches), feeds, basemap_layers, basemap, ogc (what
a GIS takes by one address), agents (what agents ask), health (the routes), library (MapLibre's files), docs (the page
of them), api (all of them as one application).
"""
