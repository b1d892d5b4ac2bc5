"""Ground photos of a gallery: from a folder or a manifest, with place and time where they are known.

In reading order: exif, xmp, sidecars, names, manifest, folder.
"""
