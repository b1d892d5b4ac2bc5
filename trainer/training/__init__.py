"""The parts of a training run, which `trainer.train` tells from top to bottom.

In reading order: pictures (decoded, held in memory), targets (the teacher's embeddings, stored), augment, processes
(devices and several of them), states (from which a run goes on), clock, runlog, config, pairs (batches of both),
student (the network with its temperature), moments (what a moment makes of a tile, in closed form), panels (photos over
and over of few tiles), preparation (all of that for one run), validation, loss, refit (the last layers,
by least squares), photo_projection (how photos are compared), moment_refit (moments anew).
"""
