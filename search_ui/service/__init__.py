"""What pages and routes ask: one object a process, and what it hands out.

In reading order: answers, imagery, uploads, background, extras, reachable, warming, service, news, login.
"""
