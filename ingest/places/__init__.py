"""Places as people name them, read into geometry on the globe, offline.

In reading order: angles, plus_codes, links, coordinates, names, place, store, making, gazetteer, own_places,
areas, countries.
"""
