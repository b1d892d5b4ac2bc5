"""Answers as files that appear whole or not at all.

In reading order: writing, cells, tables, kml, answers.
"""
