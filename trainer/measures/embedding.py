"""Embeds whole folders of shards: pictures decoded in threads while the tower works; what a model expects of each tile.

A picture that cannot be decoded gives a row of NaN, so that rows stay beside their samples. Nothing here knows
measures.
"""

import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from trainer.embedder import Embedder, Pixels
from trainer.measures.metrics import Floats, Ints, Vectors
from trainer.shards.tars import Part, Shards

Progress: TypeAlias = Callable[[str, int, int], None]  # what is being done, how many are done, of how many
Moments: TypeAlias = npt.NDArray[np.datetime64]
Role: TypeAlias = Literal["tile", "photo"]

ALONE, PLACE, MOMENT = "tile", "tile + place", "tile + place + time"  # what a model is given
_BATCH, _AHEAD, _READERS = 256, 4, 2  # pictures read at once, such batches on the way, threads


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Embed(Protocol):
    """What makes vectors of pictures: `embed_pictures`, or what keeps those that it made before."""

    def __call__(
        self,
        embedder: Embedder,
        shards: Shards,
        rows: Ints,
        *,
        part: Part,
        role: Role,
        what: str = "",
        progress: Progress = silent,
    ) -> Vectors:
        """See `embed_pictures`."""
        ...


def embed_pictures(
    embedder: Embedder,
    shards: Shards,
    rows: Ints,
    *,
    part: Part,
    role: Role,
    what: str = "",
    progress: Progress = silent,
) -> Vectors:
    """Vectors of one picture of each sample, float32 [n, d], unnormalised; NaN where it cannot be decoded.

    Args:
        embedder: The model whose towers embed.
        shards: The samples that hold the pictures.
        rows: Numbers of the samples to embed, [n]; row i of the answer is `rows[i]`.
        part: Which picture of a sample: the tile or the photo.
        role: By which tower: that of tiles or that of photos.
        what: Words for `progress`: what is being embedded.
        progress: Called before the first batch and after each, with how many are done.
    """
    prepare = embedder.prepare if role == "tile" else embedder.prepare_photo
    embed = embedder.embed_prepared if role == "tile" else embedder.embed_prepared_photos
    embedder.expect(len(rows))

    def read(chosen: Ints) -> list[Pixels | None]:
        return [_prepared(shards.picture(i, part), prepare) for i in chosen.tolist()]

    batches = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
    vectors = np.full((len(rows), embedder.dim), np.nan, np.float32)
    progress(what, 0, len(rows))
    # `_AHEAD` batches are on their way while one is embedded: enough to keep the tower busy, and memory bounded
    with ThreadPoolExecutor(_READERS) as pool:
        coming: deque[Future[list[Pixels | None]]] = deque(pool.submit(read, batch) for batch in batches[:_AHEAD])
        for number, batch in enumerate(batches):
            pixels = coming.popleft().result()
            if number + _AHEAD < len(batches):
                coming.append(pool.submit(read, batches[number + _AHEAD]))
            sound = [i for i, p in enumerate(pixels) if p is not None]
            if sound:
                vectors[number * _BATCH + np.array(sound)] = embed([p for p in pixels if p is not None])
            progress(what, number * _BATCH + len(batch), len(rows))
    return vectors


def expectations(
    embedder: Embedder, overhead: Vectors, *, lat: Floats, lon: Floats, when: Moments
) -> dict[str, Vectors]:
    """S of each tile in every way that the model can be asked: given → float32 [n, d], unnormalised.

    Args:
        embedder: The model that knows place and time, or neither.
        overhead: O, float32 [n, d].
        lat: Degrees north, WGS84, [n].
        lon: Degrees east, WGS84, [n].
        when: Wall-clock time at the place, [n]; NaT where it is not known.
    """
    ways = {ALONE: overhead}
    if not embedder.has_encoder:
        return ways
    if embedder.meta.encoding != "sat2cap":  # which has no way to say that the time is missing
        ways[PLACE] = embedder.at(overhead, lat=lat, lon=lon)
    moments = cast(Any, when)  # the encoding takes arrays of datetime64 as they are
    return ways | {MOMENT: embedder.at(overhead, lat=lat, lon=lon, when=moments)}


def _prepared(encoded: bytes, prepare: Callable[[Image.Image], Pixels]) -> Pixels | None:
    """Decoded and squashed; None where the picture is broken or cut short."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return prepare(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):  # Pillow raises all of them on broken files
        return None
