"""What pages and routes ask: one object a process, and what it hands out.

In reading order: answers, imagery, confined, clean_picture, uploads, labelling, learning, keeping, overlays,
background, previews, estimates, kept_files, extras, reachable, warming, heat_layers, place_list, place_lists, service,
links, news, login.
"""
