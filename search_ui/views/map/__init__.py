"""The maps of the pages: what lies under them, what is drawn on them, their moment; and what a collection covers.

In reading order: backdrop, heat, search_map, moment_bar, coverage.
"""
