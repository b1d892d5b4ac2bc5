"""An ingest from request to ledger: what to take in, chunk by chunk, and whether all of it agrees.

In reading order: items, request, plan, throttle, pipeline, run, carry_over, upgrade, verify, recover,
photo_facts.
"""
