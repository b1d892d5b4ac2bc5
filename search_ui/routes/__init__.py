"""The HTTP routes of the app, which other programs use too; the same service answers the app's own pages.

In reading order: problems (errors and their status), parameters (what may be asked), health (the routes), endpoint
(what a route is), pictures, layers, answers, captions, saved, basemap, document, guard (who may ask).
"""
