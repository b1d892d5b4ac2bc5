"""The vector index: a view of the archive in Qdrant, in this process or on a server.

In reading order: protocol, batches, edge, conditions, refusals, connection, sharding,
ownership, rights, server, on_server, points, upkeep, rebuild, kept_open.
"""
