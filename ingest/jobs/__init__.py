"""An ingest from request to ledger: what to take in, chunk by chunk, and whether all of it agrees.

In reading order: items, cautions, request, preview, plan, throttle, work, writer, pipeline, run, carry_over, upgrade,
lifetime, verify, recover, photo_facts.
"""
