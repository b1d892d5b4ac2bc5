"""The paper's tables and figures, one a file, in its order and that of its supplement.

In reading order: table_1, table_2, figure_1, figure_3, figure_4, figure_5, figure_6, text_to_overhead,
dynamic_retrieval, dynamic_maps, localisation, dynamic_captions, coarse_country.
"""
