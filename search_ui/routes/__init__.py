"""The HTTP routes of the app, which other programs use too; the same service answers the app's own pages.

In reading order: `endpoint` (what a route is), `problems` (errors and their status), `parameters` (what may be asked),
`pictures`, `layers`, `answers`, `captions`, `saved`, `basemap`, `health` (the routes), `document`
(OpenAPI), `guard` (who may ask).
"""
