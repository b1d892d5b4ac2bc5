"""What `ground.draw` paints with.

In reading order: light, canvas, life, plants, vehicles, boats, buildings, works, fittings (things), distance,
backdrops, water, harbour, fields, hills, town, trade, traffic, play (the concepts), distant (those that are still known
from afar).
"""
