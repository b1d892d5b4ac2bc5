"""What a person sees, page by page.

In reading order: words, app_words, pieces, frame, state, map, panels, work (what goes on), jobs, keeping,
previewing, adding_models, adding_photos, adding, login (the other pages), pages.
"""
