"""The parts of an evaluation, which `trainer.measures.evaluate` puts together.

In reading order: metrics, embedding (shards into vectors), time_swap, clusters, maps (scores against truth), evaluate,
report, plots.
"""
