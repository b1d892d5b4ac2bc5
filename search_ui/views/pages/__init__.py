"""The pages, one a file.

In reading order: first_start, search, holdings, models, help_page.
"""
