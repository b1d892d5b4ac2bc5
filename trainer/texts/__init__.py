"""Texts without torch: tokens, the ONNX file beside a checkpoint, how it is made and checked; other languages.

In reading order: tokens, probe_texts, exported_text (runs it), text_export (writes it), torch_text (where it cannot be
exported), multilingual (sentences of any language), adapter (from there to a model's own texts).
"""
