"""A photo and the overhead image around it, as a sample of a shard.

In reading order: silence, likeness, photograph, overhead, words, shard.
"""
