"""From a question to its hits: what is asked, its vectors, scores of tiles, relevance, order.

In reading order: moments, likeliest, posterior, query, recent, text_cache, scored, scores, series, relevance,
vectors, ranking, candidates, proposals, feedback, provenance, listings, holdings, remarks, engine, comparison,
wording.
"""
