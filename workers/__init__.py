"""The queue: the same pipeline, elsewhere.

In reading order: log_lines, app, dispatch, pair_builds, queue_statistics, metrics, context, tasks, reaper, watch,
serve.
"""
