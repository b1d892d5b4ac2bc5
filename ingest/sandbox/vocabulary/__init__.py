"""What captions are made of, in `words`.

In reading order: water, land, town, play (phrases for the concepts), around (place, hour, season, weather), unseen.
"""
