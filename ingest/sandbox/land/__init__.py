"""The bare land of the planet's islands and what people laid out on it.

In reading order: noise, islands, terrain, settlements, sites, parcels.
"""
