"""From photo metadata to training pairs: WebDataset shards of a photo and the overhead image around its place.

In reading order: recipe (what is asked for), workplace (where everything lies), metadata, selection, samples, tally,
plots, card (what came of it), build (the whole), handover (a build that is left to workers).
"""
