"""What a person touches.

In reading order: search, files, maps, publishing, labels, ground, truth, monitor, components, service, routes, views,
server, app, commands, cli.
"""
