"""What a set of labels is good for: tables of labels, a classifier, how well it does, and the areas that it finds.

In reading order: tiles (which tile a label is of), tables (labels as files), taking (rows of files as labels), blocks
(what is held out together), roc, classifier, areas (neighbouring tiles merged), area_files.
"""
