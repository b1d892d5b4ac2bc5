"""Captioners: a projector before a small language model, its folder, its training.

In reading order: network, words (its tokenizer), folder, clipcap (the authors' weights), daytime, phrases, captions,
samples (what it learns from), training.
"""
