"""Weights that others made: files read safely, names turned into ours, checkpoints made of them.

In reading order: pickles, kinds, files, description, convert, clip, zoo, known.
"""
