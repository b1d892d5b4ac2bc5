"""The measure that a run goes by: recall within a gallery of the validation split, in both directions.

Short, because it is taken every few hundred steps; `evaluate` measures a checkpoint at length. Nothing here knows
steps, shards or files.
"""

import numpy as np
import torch
from lightning_fabric import Fabric

from trainer.measures import metrics
from trainer.preprocess import Preprocess
from trainer.training.augment import normalised
from trainer.training.pairs import Pairs
from trainer.training.processes import gathered
from trainer.training.student import Student

DECIDES = "r10"  # the measure that early stopping and the best network go by
EMBED_BATCH = 256


@torch.no_grad()
def measure(fabric: Fabric, student: Student, gallery: Pairs, expects: Preprocess) -> dict[str, float]:
    """Recall@10 in both directions within a gallery, with everything known, and without place and time.

    Returns:
        `r10`, the mean of `forward_r10` (picture to target) and `backward_r10`; `forward_median`, the median rank; for
        a model with place and time also `r10_without`, the mean of both directions without them.
    """
    student.eval()
    columns: list[list[torch.Tensor]] = [[], [], []]
    encoder = student.sat2cap.encoder
    for batch in gallery.in_order(EMBED_BATCH, fabric.global_rank, fabric.world_size):
        with fabric.autocast():
            o = student.sat2cap.overhead(normalised(batch.pixels, expects)).float()  # [b, d]
        s = student.sat2cap.at(o, batch.encoded, batch.usable)
        for column, vectors in zip(columns, (o, s, batch.targets), strict=True):
            column.append(vectors)
    student.train()
    joined = [gathered(torch.cat(column)) for column in columns]
    measures: dict[str, float] = {}
    if fabric.global_rank == 0:
        alone, then, photos = (vectors[: len(gallery)].cpu().numpy() for vectors in joined)
        forward, backward = metrics.ranks(then, photos), metrics.ranks(photos, then)
        measures = {
            "r10": (_r10(forward) + _r10(backward)) / 2,
            "forward_r10": _r10(forward),
            "backward_r10": _r10(backward),
            "forward_median": float(np.median(forward)),
        }
        if encoder is not None:
            measures["r10_without"] = (_r10(metrics.ranks(alone, photos)) + _r10(metrics.ranks(photos, alone))) / 2
    return dict(fabric.broadcast(measures))


def _r10(ranks: metrics.Floats) -> float:
    return float((ranks <= 10).mean())
