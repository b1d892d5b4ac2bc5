"""The model and its inference face.

In reading order: errors, encoding, preprocess, towers, model, checkpoint, weights, convert, zoo, precision, embedder.
"""
