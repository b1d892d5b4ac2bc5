"""What `overhead.draw` draws with.

In reading order: texture, brush, palette, land, ways, water, rural, town, play (what lies there).
"""
