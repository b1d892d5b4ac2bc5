"""Parts of the screen with JavaScript of their own.

In reading order: assets (reads their files), area_drawer, map_pair, hit_list.
"""
