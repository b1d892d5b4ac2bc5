"""Which rows of metadata become pairs, and in which shard.

In reading order: sieve, bursts, splits, candidates, plan.
"""
