"""The HTTP routes of the app, which other programs use too; the same service answers the app's own pages.

In reading order: problems (errors and their status), lanes (threads), asker (who asks), exchange (what a route is
given, and how it answers), parameters (what may be asked), pictures, layers, shown, answers, captions, photo_time,
saved, labels, watch (what has come for saved searches), feeds, basemap_layers, basemap, ogc (what a GIS takes by one
address), health (the routes), library (MapLibre's files), bodies (what comes with a request), agents (what agents ask),
docs (the page of them), api (all of them as one application), page_uploads (files that pages hold), forwarded (what a
proxy says of a request), rate_limit (how often one may ask while others do), guard (who may ask), connections (how long
each may take).
"""
