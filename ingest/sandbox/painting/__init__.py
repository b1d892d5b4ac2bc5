"""What `ground.draw` paints with.

In reading order: canvas, light; life, plants, vehicles, boats, buildings, works, fittings (things); distance, backdrops
(what lies around); water, harbour, fields, hills, town, trade, traffic, play (the concepts), distant (those that are
still known from afar).
"""
