"""The paper's tables and figures, each as an experiment on any checkpoint and data. One file an experiment.

In reading order: questions (what is asked), tiles, kept (vectors on disk), saying, material (model and data), finding
(what came out, as files), published (the paper's numbers), drawing, likeness, paper, catalogue, running, page (the
whole report).
"""
