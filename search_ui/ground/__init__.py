"""What one would see on the ground: the photos most like a tile at a moment, and words for it.

In reading order: gallery, view, retrieval, contact_sheet, files, captions.
"""
