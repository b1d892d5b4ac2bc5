"""What a run learns to meet: the frozen teacher's embeddings, computed once and stored, so that no step waits for it.

    CACHE/photos-MODEL-SHARDS/00000.npy …    float16 [rows, d], normalised; a row of NaN where a photo is broken
    CACHE/captions-TOWER-TEXTS/00000.npy …   the same, of every different caption once

A part that is there is not made again, so a run that was stopped goes on, and several processes share the work. The
names hold hashes of the tower and of what is embedded: another teacher or other shards never meet old vectors.
Nothing here knows training.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from trainer.embedder import Embedder
from trainer.errors import CheckpointError, SourceError, reason
from trainer.shards.tars import Shards
from trainer.towers import Tokenizer
from trainer.training.pictures import decode

logger = logging.getLogger(__name__)

Floats: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.int64]
Progress: TypeAlias = Callable[[int, int], None]  # done, of how many

PART_ROWS = 4096
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Targets:
    """The vectors to meet; a sample has one of them, or several to choose from.

    Attributes:
        vectors: float16 [u, d], normalised, on the model's device.
        first: int64 [n]: the first vector of each sample, in `choice`.
        count: int64 [n]: how many it has; 0: none, it cannot be learned from.
        choice: int64 [c]: numbers of vectors, those of one sample side by side.
    """

    vectors: torch.Tensor
    first: Rows
    count: Rows
    choice: Rows

    def of(self, samples: Rows, chance: npt.NDArray[np.float64] | None = None) -> tuple[torch.Tensor, Rows]:
        """Vectors, float32 [b, d], and their numbers, int64 [b]: chosen by `chance` (0 … 1, [b]), or the first."""
        offset = 0 if chance is None else np.floor(chance * self.count[samples]).astype(np.int64)
        numbers = self.choice[self.first[samples] + offset]
        chosen = torch.from_numpy(numbers).to(self.vectors.device)
        return self.vectors[chosen].float(), numbers


@dataclass(frozen=True, slots=True)
class Crew:
    """The processes that share the work of a cache.

    Attributes:
        rank: Number of this one.
        size: How many there are.
        wait: Returns once all have come so far.
    """

    rank: int = 0
    size: int = 1
    wait: Callable[[], object] = lambda: None


def photo_targets(
    shards: Shards,
    teacher: Embedder,
    cache: Path,
    *,
    device: torch.device,
    workers: int = 0,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> Targets:
    """The teacher's embedding of every ground photo."""
    threads_of = workers or os.cpu_count() or 1

    def embed(rows: range) -> Floats:
        vectors = np.full((len(rows), teacher.dim), np.nan, np.float32)
        with ThreadPoolExecutor(threads_of) as threads:
            photos = threads.map(lambda i: decode(shards.picture(i, "groundlevel"), teacher.meta.ground_input), rows)
            for start in range(0, len(rows), _BATCH):  # threads decode on while these are embedded
                batch = list(islice(photos, _BATCH))
                good = [k for k, photo in enumerate(batch) if photo is not None]
                found = teacher.embed_prepared_photos([photo for photo in batch if photo is not None])
                vectors[start + np.array(good, int)] = _unit(found)
        return vectors

    folder = cache / f"photos-{teacher.model_id}-{shards.fingerprint}"
    vectors = stored_vectors(folder, len(shards), teacher.dim, embed, crew or Crew(), progress)
    broken = np.isnan(vectors[:, 0])
    every = np.arange(len(shards))
    return Targets(torch.from_numpy(vectors).to(device), every, (~broken).astype(np.int64), every)


def caption_targets(
    shards: Shards,
    text: "TextTower",
    cache: Path,
    *,
    device: torch.device,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> Targets:
    """The text tower's embedding of every different caption; a sample has those of all its captions.

    Raises:
        SourceError: No sample has a caption.
    """
    number: dict[str, int] = {}  # of each text, in the order of their first coming
    choice: list[int] = []
    count = np.zeros(len(shards), np.int64)
    for i in range(len(shards)):
        captions = [caption for caption in shards.captions(i) if caption.strip()]
        choice.extend(number.setdefault(caption, len(number)) for caption in captions)
        count[i] = len(captions)
    texts = list(number)
    if not texts:
        raise SourceError(f"shards {shards.where}: no sample has `captions` in its metadata, and they are the target")
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    folder = cache / f"captions-{text.fingerprint}-{digest}"

    def embed(rows: range) -> Floats:
        return _unit(text.embed(texts[rows.start : rows.stop]))

    vectors = stored_vectors(folder, len(texts), text.dim, embed, crew or Crew(), progress)
    first = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    return Targets(torch.from_numpy(vectors).to(device), first, count, np.array(choice, np.int64))


@dataclass(frozen=True, slots=True)
class TextTower:
    """A frozen text tower that embeds many short texts at a time.

    Attributes:
        tower: int64 [n, context] → float [n, d].
        tokenizer: Its tokenizer.
        dim: d.
        pads: Token that means nothing; columns of it alone are left out. None: the tower wants its full context.
        device: Where it runs.
    """

    tower: nn.Module
    tokenizer: Tokenizer
    dim: int
    pads: int | None
    device: torch.device

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over its weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tower.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()[:16]

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Floats:
        """Embed texts → float32 [n, d], unnormalised; texts of like length go together."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.empty((len(texts), self.dim), np.float32)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            tokens = self.tokenizer([texts[i] for i in rows])
            if self.pads is not None:
                tokens = tokens[:, : int((tokens != self.pads).any(dim=0).sum())]
            vectors[rows] = self.tower(tokens.to(self.device)).float().cpu().numpy()
        return vectors


def stored_vectors(
    folder: Path, n: int, dim: int, embed: Callable[[range], Floats], crew: Crew, progress: Progress | None
) -> npt.NDArray[Any]:
    """All n vectors of a folder, float16 [n, dim]; makes the parts that are missing, each process its share.

    Args:
        folder: Whose name holds hashes of all that decides the vectors.
        n: How many.
        dim: Their width.
        embed: Rows → float32 [rows, dim].
        crew: The processes that share the work.
        progress: Called after each part.
    """
    parts = [(folder / f"{k:05d}.npy", rows) for k, rows in enumerate(_parts(n))]
    missing = [(path, rows) for path, rows in parts if not path.exists()]
    mine = missing[crew.rank :: crew.size]
    crew.wait()  # all have looked before anyone writes
    total = sum(len(rows) for _, rows in mine)
    done = 0
    for path, rows in mine:
        _write(path, embed(rows).astype(np.float16))
        done += len(rows)
        if progress is not None:
            progress(done, total)
    crew.wait()
    if missing:
        logger.info("embedded %d of %d targets into %s", sum(len(rows) for _, rows in missing), n, folder)
    vectors = np.empty((n, dim), np.float16)
    for path, rows in parts:
        part = _read(path)
        if part.shape != (len(rows), dim):
            raise CheckpointError(f"{path} holds {list(part.shape)}, not {[len(rows), dim]}: remove {folder}")
        vectors[rows.start : rows.stop] = part
    return vectors


def _parts(n: int) -> Iterator[range]:
    return (range(start, min(start + PART_ROWS, n)) for start in range(0, n, PART_ROWS))


def _write(path: Path, vectors: npt.NDArray[np.float16]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as f:
            np.save(f, vectors)
        part.replace(path)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise CheckpointError(f"stored targets {path} cannot be written ({e.strerror}): name another cache=") from e


def _read(path: Path) -> npt.NDArray[np.float16]:
    try:
        part: npt.NDArray[np.float16] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        raise CheckpointError(f"stored targets {path} cannot be read ({reason(e)}): remove the file") from e
    return part


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return unit
