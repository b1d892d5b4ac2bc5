"""The archive of a collection: immutable GeoParquet parts, in a folder or on an object store.

In reading order: files (a folder or any URL of fsspec), prefetch, parts, lookup, job_records.
"""
