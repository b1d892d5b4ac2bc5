"""What `overhead.draw` draws with.

In reading order: brush, texture, palette; land, ways, water, rural, town, play (what lies there).
"""
