"""What cannot be computed again, taken out of a home and put back.

In reading order: bundle (files with their checksums), home.
"""
