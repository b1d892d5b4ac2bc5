"""The vector index: a view of the archive in Qdrant, in this process or on a server.

In reading order: protocol, edge, server, points, upkeep, kept_open.
"""
