"""Commands that ask something of a collection.

In reading order: search, ground, caption, map, place_calendar, places, searches, against_truth, monitor.
"""
