"""Exact scores of every tile of a collection, for a query and a moment, from memory-mapped columns.

In reading order: blocks, dot_products, encoder, interaction, place_time (the formula), columns, ids, parts, area,
floor, scorer.
"""
