"""Relevance: how likely it is that what was asked for is to be seen in a tile, at a place and now.

In reading order: usual, usual_files (what is usual in a collection, made and kept), unlike (imagery that the model does
not know), years (what is told of a tile's year), calibration (the two chances, and their words), fitted (to one's own
truth), unrated (where it cannot be told).
"""
