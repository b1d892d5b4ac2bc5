"""Learns how a trained model compares photos, from panels: a matrix beside it, while its towers stay as they are.

The loss is InfoNCE both ways (van den Oord et al. 2018) of cos(S, A·G), S of the tile and moment of each photo of a
batch: a photo is told from those of other tiles, and of the same tile at other moments. A begins as the identity and is
held near it; of what is learned, three quarters are taken and one of the identity. Photos that show the same things lie
nearer each other then than if each were only to be told from all others: the nine photos of a tile are as right as
without a projection (docs/ablation.md). Nothing here knows what asks by a photo.
"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.photo_projection import PhotoProjection, write_projection
from trainer.training.panels import Panels

logger = logging.getLogger(__name__)

FEWEST = 4_096  # photos: of fewer, as many numbers as A has would learn the photos themselves
_BATCH, _STEPS, _RATE = 1_024, 1_000, 2e-3
_HELD = 0.3  # weight of |A − 1|² ÷ d
_TAKEN = 0.75  # of what was learned; the rest is the identity
_SCALE = 20.0  # 1 ÷ temperature, to begin with
_AT_ONCE = 4_096

Floats = npt.NDArray[np.float32]


def learn_photo_projection(checkpoint: Path, panels: Panels, *, device: str | None = None) -> PhotoProjection | None:
    """Learn the projection of a model's photos and write it beside the checkpoint, in place of one that is there.

    Args:
        checkpoint: A folder with a model that knows place and time.
        panels: Embedded by the ground tower that the model has.
        device: Where its tower of tiles runs; None: a GPU if there is one.

    Returns:
        None where there are fewer photos than `FEWEST`; nothing is written then.

    Raises:
        UsageError: The model knows no place and time, or what is learned is not finite.
        CheckpointError: The checkpoint is broken, or the disk refuses.
        SourceError: A picture of the panels is broken.
    """
    embedder = Embedder.load(checkpoint, precision="float32", device=device)
    if embedder.meta.encoding is None:
        raise UsageError(f"model {embedder.model_id} knows no place and time: a panel's photos differ in nothing else")
    if len(panels) < FEWEST:
        logger.info("photos are compared as they are: %d do not tell how else, %d may", len(panels), FEWEST)
        return None
    seen = panels.seen(embedder.meta.encoding, embedder.meta.overhead_input, embedder.embed_prepared)
    once = slice(len(panels))  # the second half are the same photos, of any weekday
    encoder, o = embedder.encoder_weights(), np.asarray(seen.o, np.float32)
    tile, encoded = seen.tile[once], np.asarray(seen.encoded[once], np.float32)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(tile), _AT_ONCE)]
    scenes = np.concatenate([encoder.moved(encoded[part], o[tile[part]]) for part in parts])
    projection = learn(scenes, np.asarray(seen.targets[once], np.float32))
    if not np.isfinite(projection.matrix).all():
        raise UsageError(
            f"of the panels nothing can be learned for {embedder.model_id}: vectors of theirs are no numbers"
        )
    write_projection(checkpoint, projection)
    return projection


def learn(scenes: Floats, photos: Floats, *, steps: int = _STEPS, seed: int = 0) -> PhotoProjection:
    """The projection that tells n photos apart, by S of the place and moment of each; [n, d] both, of any length."""
    chance, d = np.random.default_rng(seed), scenes.shape[1]
    s, g = (F.normalize(torch.from_numpy(np.ascontiguousarray(one)), dim=1) for one in (scenes, photos))
    same = torch.eye(d)
    a, scale = same.clone().requires_grad_(), torch.tensor(float(np.log(_SCALE)), requires_grad=True)
    optimizer = torch.optim.Adam([a, scale], lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batch = min(_BATCH, len(s))
    own = torch.arange(batch)
    for _ in range(steps):
        rows = torch.from_numpy(chance.choice(len(s), batch, replace=False))
        logits = s[rows] @ F.normalize(g[rows] @ a.T, dim=1).T * scale.exp()
        loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        loss = loss + _HELD * (a - same).square().sum() / d
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    logger.info("photos are told apart with a loss of %.3f", loss.item())
    return PhotoProjection((_TAKEN * a + (1 - _TAKEN) * same).detach().numpy())
