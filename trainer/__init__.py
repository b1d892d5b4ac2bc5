"""The model and its inference face; training and measuring it.

In reading order: errors, encoding, preprocess, towers, model, checkpoint, weights, convert, zoo, precision, embedder,
minilm and bundled (the model that comes with the package); shard_index and shards (training pairs on disk), config,
loss, train and training/; metrics, evaluate and measures/; daytime (words for
moments), captioning/ and captions, phrases.
"""
