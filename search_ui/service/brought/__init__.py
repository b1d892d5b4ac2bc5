"""What people bring: imagery, pictures, files; bounded, made harmless, previewed, kept.

In reading order: confined (work in a process of its own), clean_picture, uploads, overlays, kept_files, previews,
estimates.
"""
