"""How good a collection's answers are on somebody's own ground: truth as a file, measures with intervals, a page, fits.

In reading order: conditions, objects, overlay, verdicts, blocks, measures, fitting, evaluation, report, pictures, page.
"""
