"""What one would see on the ground: the photos most like a tile at a moment, words for it, and when a photo shows it.

In reading order: gallery, view, retrieval, contact_sheet, files, captions, photo_time.
"""
