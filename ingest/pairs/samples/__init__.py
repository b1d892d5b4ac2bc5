"""A photo and the overhead image around it, as a sample of a shard.

In reading order: circuit_breaker, likeness, photograph, overhead, words, shard.
"""
