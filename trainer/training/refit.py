"""Refitting: after the last step the linear last layers of tower and encoder are fitted once more, by least squares.

A contrastive loss tells pairs apart, and for that it moves S to where few other photos lie, not to where the photos
lie that one would see: their mean. A text asks for just that, so S is brought there:

    S' = O·(A + keep) + E·(time · B + keep)·(1 − t tᵀ),  A and B such that the mean of |O·A + E·B − G|² is least

G is the photo's unit vector, E = S − O as it was trained. Each pair counts three times: with all that is known, masked
as in training, and with the tile alone (E = 0). `keep` leaves in S what was trained. Least squares make small what they
are unsure of, of the moment more than of the tile: `time` makes it larger again. t is the direction of the mean of many
texts that ask for nothing: no photo tells where E should lie along it, and it would make every text likelier at some
moments. A and B are folded into the layers: the network stays what it was, with linear last layers.

An encoder with a linear hidden layer is fitted anew instead of by B (`trainer.training.moments`): to panels, where
there are any, or else to the pairs, each of them as a tile of one photo, known and masked. Nothing here knows files.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from trainer.errors import SettingsError
from trainer.model import DynamicEncoder
from trainer.preprocess import Preprocess
from trainer.training.augment import augmented
from trainer.training.moments import Ridge, Seen, fit, fold
from trainer.training.pairs import Batch, Pairs
from trainer.training.panels import Panels
from trainer.training.student import Student

logger = logging.getLogger(__name__)

_BATCH = 128
MOST = 8_192
_RIDGE = 1e-5  # of the mean of the diagonal: O has fewer dimensions than numbers


@torch.no_grad()
def refit_last_layers(
    student: Student,
    pairs: Pairs,
    expects: Preprocess,
    *,
    keep: float,
    time: float,
    texts: npt.NDArray[np.float32],
    panels: Panels | None = None,
) -> None:
    """Fit the last layers of a network, in place; what it draws and counts is left as it is.

    Args:
        student: The network, in float32.
        pairs: What it was trained on.
        expects: What the tower expects of pictures.
        keep: How much of the contrastive S stays; 0: none.
        time: By how much B is made larger; 1: it stays as least squares have it.
        texts: Embeddings of texts that ask for nothing in particular, [n, d].
        panels: What moments are fitted to; None: the pairs.

    Raises:
        SettingsError: The tower ends in no linear layer.
    """
    tower, encoder = student.sat2cap.overhead, student.sat2cap.encoder
    last, bias = last_layer(tower)
    anew = encoder is not None and encoder.form.activation == "linear"
    training = student.training
    student.eval()
    d = last.shape[1]
    squares = torch.zeros(2 * d, 2 * d, dtype=torch.float64)
    products = torch.zeros(2 * d, d, dtype=torch.float64)
    kept: list[tuple[torch.Tensor, Batch, Batch]] = []
    for known, masked in zip(pairs.in_order(_BATCH, 0, 1), pairs.in_order(_BATCH, 0, 1, masked=True), strict=True):
        pixels = augmented(known.pixels, None, expects).contiguous(memory_format=torch.channels_last)
        seen = tower(pixels)  # [b, d]
        o = seen.double().cpu()
        if anew and panels is None:
            kept.append((seen.float().cpu(), _without_pixels(known), _without_pixels(masked)))
        for batch in (known, masked, None):
            e = torch.zeros_like(o)
            if batch is not None:
                if encoder is None or batch.encoded is None or batch.usable is None:
                    continue
                e = (encoder(batch.encoded, seen) * batch.usable[:, None]).double().cpu()
            both = torch.cat([o, e], dim=1)  # [b, 2 d]
            squares += both.T @ both
            products += both.T @ known.targets.double().cpu()
    squares += _RIDGE * squares.diagonal().mean() * torch.eye(2 * d, dtype=torch.float64)
    a, b = torch.linalg.solve(squares, products).split(d)  # [d, d] each
    same = torch.eye(d, dtype=torch.float64)
    t = neutral(texts)
    a, b = a + keep * same, (time * b + keep * same) @ (same - torch.outer(t, t))
    last.copy_(last.double() @ a.to(last.device))
    if bias is not None:
        bias.copy_(bias.double() @ a.to(bias.device))
    ridge = Ridge(scale=1 / (1 + keep))  # what is kept makes O longer than the photos' mean
    if encoder is not None and not anew:
        weight, shift = encoder.fc2.weight, encoder.fc2.bias
        weight.copy_(b.T.to(weight.device) @ weight.double())
        shift.copy_(shift.double() @ b.to(shift.device))
    elif encoder is not None and panels is None:
        fit_moments(encoder, _of_pairs(kept, a), texts, ridge)
    elif encoder is not None and panels is not None:
        fit_moments(encoder, panels.seen(encoder.encoding, expects, embedding(tower, expects)), texts, ridge)
    student.train(training)


@torch.no_grad()
def fit_moments(
    encoder: DynamicEncoder, seen: Seen, texts: npt.NDArray[np.float32], ridge: Ridge | None = None
) -> None:
    """Fit an encoder with a linear hidden layer to what was seen, in place; `texts` as for `refit_last_layers`."""
    form = encoder.form
    fitted = fit(
        seen, interaction=form.interaction, rank=form.rank, neutral=neutral(texts).numpy(), ridge=ridge or Ridge()
    )
    share = fold(fitted, encoder)
    logger.info("fitted moments to %d photos of %d tiles; z carries %.4f", len(seen.tile), len(seen.o), share)


@torch.no_grad()
def vectors_of(
    student: Student, pairs: Pairs, expects: Preprocess
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """O of the tiles of at most `MOST` pairs as they are, float32 [n, d], and the cells that they lie in, int64 [n]."""
    tower, training = student.sat2cap.overhead, student.training
    student.eval()
    seen, cells = [], []
    for batch in pairs.some(MOST, _BATCH):
        seen.append(tower(augmented(batch.pixels, None, expects)).float().cpu().numpy())
        cells.append(batch.cells)
    student.train(training)
    return np.concatenate(seen), np.concatenate(cells)


def neutral(texts: npt.NDArray[np.float32]) -> torch.Tensor:
    """The direction of the mean of texts, float64 [d], of length 1."""
    return F.normalize(F.normalize(torch.from_numpy(texts).double()).mean(dim=0), dim=0)


def embedding(tower: nn.Module, expects: Preprocess) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Pictures, uint8 [b, 3, px, px] → O, float32 [b, d], by a tower as it is."""
    device = next(tower.parameters()).device

    def embed(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        pixels = augmented(torch.from_numpy(pictures).to(device), None, expects)
        o: npt.NDArray[np.float32] = tower(pixels.contiguous(memory_format=torch.channels_last)).float().cpu().numpy()
        return o

    return embed


def _without_pixels(batch: Batch) -> Batch:
    return replace(batch, pixels=batch.pixels[:0])


def _of_pairs(kept: list[tuple[torch.Tensor, Batch, Batch]], a: torch.Tensor) -> Seen:
    """Pairs as tiles of one photo each, known and masked; rows of which nothing is usable are left out."""
    o = (torch.cat([row[0] for row in kept]).double() @ a).numpy()
    columns: dict[str, list[npt.NDArray[np.floating]]] = {"encoded": [], "targets": []}
    tiles: list[npt.NDArray[np.int64]] = []
    start = 0
    for vectors, *batches in kept:
        for batch in batches:
            if batch.encoded is None or batch.usable is None:
                continue
            usable = batch.usable.cpu().numpy()
            tiles.append(start + np.flatnonzero(usable))
            columns["encoded"].append(batch.encoded.cpu().numpy()[usable])
            columns["targets"].append(batch.targets.cpu().numpy()[usable])
        start += len(vectors)
    return Seen(o, np.concatenate(tiles), *(np.concatenate(column) for column in columns.values()))


def last_layer(tower: nn.Module) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The linear layer that a vision tower of open_clip's ends in: weights [features, d] and bias [d], to be changed.

    Raises:
        SettingsError: It ends in none.
    """
    head = getattr(getattr(tower, "head", None), "proj", None)  # of a timm tower
    if isinstance(head, nn.Linear):
        return head.weight.data.T, None if head.bias is None else head.bias.data
    proj = getattr(tower, "proj", None)  # of a vision transformer
    if isinstance(proj, nn.Parameter) and proj.ndim == 2:
        return proj.data, None
    raise SettingsError(f"refit = true: a {type(tower).__name__} like this ends in no linear layer, use false")
