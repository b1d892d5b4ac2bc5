"""The paper's tables and figures, each as an experiment on any checkpoint and data. One file an experiment.

In reading order: questions (what is asked), tiles, material (model and data), kept (vectors on disk), saying
(captions), finding (what came out, as files), published (the paper's numbers), drawing; then table_1, table_2,
likeness, figure_1, figure_3, figure_4, figure_5, figure_6, dynamic_retrieval, dynamic_captions, dynamic_maps,
text_to_overhead, coarse_country, localisation; last catalogue, running and page (the whole report).
"""
