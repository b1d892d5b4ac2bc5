"""Rows of photo metadata, whatever they come from, in the same columns.

In reading order: rows, columns, licences, yfcc, manifest, exif_folder, readers.
"""
