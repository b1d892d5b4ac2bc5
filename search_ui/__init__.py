"""What a person touches.

In reading order: search, files, maps, labels, ground, truth, monitor, publishing, components, service, routes, views,
server, app, commands, cli.
"""
