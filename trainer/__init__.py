"""The model and its inference face; training and measuring it.

In reading order: errors, earth, encoding, preprocess, towers, model, checkpoint, weights, precision,
device_memory, embedder, minilm, bundled (the model that comes with the package), neutral_prompts, shards (training
pairs on disk), measures, training, train, captioning, experiments.
"""
