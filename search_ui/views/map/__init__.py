"""The map of the search page: what lies under it, what is drawn on it, and its moment.

In reading order: backdrop, heat, search_map, moment_bar.
"""
