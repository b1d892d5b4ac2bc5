"""What a person touches.

In reading order: search, files, maps, labels, ground, service, routes, components, views, server, app, commands, cli.
"""
