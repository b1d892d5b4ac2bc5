"""Training pairs on disk: WebDataset tars in the layout of the paper's authors.

In reading order: wall_clock, index, tars.
"""
