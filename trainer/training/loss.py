"""The losses, and the queue of past targets. Pure functions of normalised vectors; no module, no process, no file.

- `queue_loss`, the paper's: overhead to ground only; each sample has its one positive, and the queue's K negatives.
- `both_ways`, ours: overhead to ground against the targets of the whole batch and the queue; ground to overhead against
  the overhead vectors of the whole batch. What shares a column of `ids` with a sample is none of its negatives.

With several processes a loss is that of one's own rows against everybody's; the mean over processes is the loss of the
joined batch. In all of them b is the number of own rows, n of all rows, K of the queue, d the width.
"""

from typing import Any

import torch
import torch.nn.functional as F

UNKNOWN = -1  # an id that equals no other, not even itself


class Queue:
    """The targets of the last K samples, oldest overwritten first, with their ids.

    Args:
        size: K.
        dim: d.
        columns: Ids of a sample.
        device: Where it lives.

    Attributes:
        vectors: float32 [K, d], normalised.
        ids: int64 [K, columns].
    """

    def __init__(self, size: int, dim: int, columns: int, device: torch.device) -> None:
        self.vectors = torch.zeros(size, dim, device=device)
        self.ids = torch.full((size, columns), UNKNOWN, dtype=torch.int64, device=device)
        self._next = 0

    def __len__(self) -> int:
        """K."""
        return len(self.vectors)

    def push(self, vectors: torch.Tensor, ids: torch.Tensor) -> None:
        """Take in float [n, d] and int64 [n, columns]; of more than K the last K."""
        size = len(self)
        vectors, ids = vectors[-size:] if size else vectors[:0], ids[-size:] if size else ids[:0]
        if not len(vectors):
            return
        rows = (self._next + torch.arange(len(vectors), device=self.vectors.device)) % size
        self.vectors[rows] = vectors.detach().float()
        self.ids[rows] = ids
        self._next = (self._next + len(vectors)) % size

    def state_dict(self) -> dict[str, Any]:
        """Everything that it holds."""
        return {"vectors": self.vectors, "ids": self.ids, "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.vectors.copy_(state["vectors"])
        self.ids.copy_(state["ids"])
        self._next = int(state["next"])


def queue_loss(s: torch.Tensor, g: torch.Tensor, scale: torch.Tensor, queue: torch.Tensor) -> torch.Tensor:
    """The paper's loss: −log of the softmax of the positive among itself and the queue.

    Args:
        s: Normalised S, float [b, d].
        g: Its targets, normalised, float [b, d].
        scale: 1 / temperature, scalar.
        queue: Negatives, normalised, float [K, d].

    Returns:
        The mean over b, scalar.
    """
    positive = (s * g).sum(dim=1, keepdim=True)  # [b, 1]
    logits = scale * torch.cat([positive, s @ queue.T], dim=1)  # [b, 1 + K]
    return F.cross_entropy(logits, torch.zeros(len(s), dtype=torch.int64, device=s.device))


def both_ways(
    s: torch.Tensor,
    all_s: torch.Tensor,
    all_g: torch.Tensor,
    scale: torch.Tensor,
    ids: torch.Tensor,
    *,
    first: int = 0,
    queue: Queue | None = None,
) -> torch.Tensor:
    """Our loss: the mean of both directions.

    Args:
        s: One's own normalised S, float [b, d].
        all_s: S of all processes, float [n, d], with gradient; rows `first` … are one's own.
        all_g: Targets of all processes, float [n, d].
        scale: 1 / temperature, scalar.
        ids: int64 [n, columns] of all processes; equal ones in a column (UNKNOWN aside) make no negatives.
        first: Where one's own rows start.
        queue: Further negatives of the direction overhead to ground: targets stay true as the tower changes,
            overhead vectors would not.

    Returns:
        The mean over b, scalar.
    """
    own = torch.arange(first, first + len(s), device=s.device)  # [b]
    past = (all_g, ids) if queue is None else (torch.cat([all_g, queue.vectors]), torch.cat([ids, queue.ids]))
    forward = _cross_entropy(scale * s @ past[0].T, ids[own], past[1], own)
    backward = _cross_entropy(scale * all_g[own] @ all_s.T, ids[own], ids, own)
    return (forward + backward) / 2


def _cross_entropy(logits: torch.Tensor, ids: torch.Tensor, others: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Cross entropy of logits [b, m] with the positive of each row at `own` [b], false negatives left out."""
    shared = torch.zeros_like(logits, dtype=torch.bool)
    for column in range(ids.shape[1]):
        mine, theirs = ids[:, column, None], others[None, :, column]
        shared |= (mine == theirs) & (mine != UNKNOWN)
    shared[torch.arange(len(own), device=own.device), own] = False  # the positive itself
    return F.cross_entropy(logits.masked_fill(shared, -torch.inf), own)
