"""Admission control: who may ask, how much at a time, how often, and how long a connection may take.

In reading order: asker (who asks), forwarded (what a proxy says of a request), bodies (what comes with a request),
page_uploads (files that pages hold), rate_limit (how often one may ask while others do), guard (who may ask),
connections (how long each may take).
"""
