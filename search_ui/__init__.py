"""What a person touches.

In reading order: search, files, maps, labels, ground, service, components, routes, views, server, app, commands, cli.
"""
