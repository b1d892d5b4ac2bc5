"""Settling: after the last step the linear last layers of tower and encoder are fitted once more, by least squares.

A contrastive loss tells pairs apart, and for that it moves S to where few other photos lie, not to where the photos
lie that one would see: their mean. A text asks for just that, so S is brought there:

    S' = O·(A + keep) + E·(time · B + keep)·(1 − t tᵀ),  A and B such that the mean of |O·A + E·B − G|² is least

G is the photo's unit vector. Each pair counts three times: with all that is known, masked as in training, and with
the tile alone (E = 0). `keep` leaves in S what was trained. Least squares make small what they are unsure of, of the
moment more than of the tile: `time` makes it larger again. t is the direction of the mean of many texts that ask for
nothing: no photo tells where E should lie along it, and it would make every text likelier at some moments.
A and B are folded into the layers: the network stays what it was, S = O + E with a linear last layer. Nothing here
knows files.
"""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from trainer.errors import SettingsError
from trainer.preprocess import Preprocess
from trainer.training.augment import augmented
from trainer.training.pairs import Pairs
from trainer.training.student import Student

_BATCH = 128
_RIDGE = 1e-5  # of the mean of the diagonal: O has fewer dimensions than numbers


@torch.no_grad()
def settle(
    student: Student, pairs: Pairs, expects: Preprocess, *, keep: float, time: float, texts: npt.NDArray[np.float32]
) -> None:
    """Fit the last layers of a network, in place; what it draws and counts is left as it is.

    Args:
        student: The network, in float32.
        pairs: What it was trained on.
        expects: What the tower expects of pictures.
        keep: How much of the contrastive S stays; 0: none.
        time: By how much B is made larger; 1: it stays as least squares have it.
        texts: Embeddings of texts that ask for nothing in particular, [n, d].

    Raises:
        SettingsError: The tower ends in no linear layer.
    """
    tower, encoder = student.sat2cap.overhead, student.sat2cap.encoder
    last, bias = last_layer(tower)
    training = student.training
    student.eval()
    d = last.shape[1]
    squares = torch.zeros(2 * d, 2 * d, dtype=torch.float64)
    products = torch.zeros(2 * d, d, dtype=torch.float64)
    for known, masked in zip(pairs.in_order(_BATCH, 0, 1), pairs.in_order(_BATCH, 0, 1, masked=True), strict=True):
        pixels = augmented(known.pixels, None, expects).contiguous(memory_format=torch.channels_last)
        o = tower(pixels).double().cpu()  # [b, d]
        for batch in (known, masked, None):
            e = torch.zeros_like(o)
            if batch is not None:
                if encoder is None or batch.encoded is None or batch.usable is None:
                    continue
                e = (encoder(batch.encoded) * batch.usable[:, None]).double().cpu()
            seen = torch.cat([o, e], dim=1)  # [b, 2 d]
            squares += seen.T @ seen
            products += seen.T @ known.targets.double().cpu()
    squares += _RIDGE * squares.diagonal().mean() * torch.eye(2 * d, dtype=torch.float64)
    a, b = torch.linalg.solve(squares, products).split(d)  # [d, d] each
    same = torch.eye(d, dtype=torch.float64)
    t = F.normalize(F.normalize(torch.from_numpy(texts).double()).mean(dim=0), dim=0)
    a, b = a + keep * same, (time * b + keep * same) @ (same - torch.outer(t, t))
    last.copy_(last.double() @ a.to(last.device))
    if bias is not None:
        bias.copy_(bias.double() @ a.to(bias.device))
    if encoder is not None:
        weight, shift = encoder.fc2.weight, encoder.fc2.bias
        weight.copy_(b.T.to(weight.device) @ weight.double())
        shift.copy_(shift.double() @ b.to(shift.device))
    student.train(training)


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
    raise SettingsError(f"settle = true: a {type(tower).__name__} like this ends in no linear layer, use false")
