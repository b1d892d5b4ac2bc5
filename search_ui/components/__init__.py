"""Parts of the screen with JavaScript of their own.

In reading order: assets (reads their files), base_path (the path of the app), maplibre (the library of the
maps), map_view, hit_list, verdicts.
"""
