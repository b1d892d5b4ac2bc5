"""The model and its inference face; training and measuring it.

In reading order: errors, earth, encoding, encoder, preprocess, towers, model, sums, checkpoint, beside, novelty,
photo_projection, weights, precision, threads, device_memory, texts (a text tower without torch), vision, embedder,
minilm, bundled (the model that comes with the package), neutral_prompts, shards (training pairs on disk), measures,
training, train, captioning, languages, experiments.
"""
