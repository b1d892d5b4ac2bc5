"""Places as people name them, read into geometry on the globe, offline.

In reading order: coordinates, names, store, gazetteer, areas, countries.
"""
