"""Commands that add, train and measure models, and make what they learn from.

In reading order: model, sandbox, pairs, train, moments, evaluate, experiment, captioner.
"""
