"""What pages and routes ask: one object a process, and what it hands out.

In reading order: answers, imagery, brought (what people bring), labelling, learning, keeping, background, extras,
reachable, warming, heat_layers, place_list, place_lists, service, links, news, login.
"""
