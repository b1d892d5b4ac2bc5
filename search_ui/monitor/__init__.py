"""What changed between two collections of one area, such as two dates: which tile lies over which, what is no chance.

In reading order: pairing, change, comparing, change_files.
"""
