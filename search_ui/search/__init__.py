"""From a question to its hits: what is asked, its vectors, scores of tiles, relevance, order.

In reading order: moments, likeliest, posterior, query, recent, text_cache, scored, scores, series, usual, usual_files,
vectors, unlike, relevance, fitted, unrated, ranking, candidates, proposals, feedback, provenance, listings, engine,
comparison, wording.
"""
