"""What the search page is asked, which is also its address.

In reading order: address, question, labelled.
"""
