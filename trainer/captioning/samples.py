"""What a captioner learns from: the vectors of shards' tiles, the moments at which they are seen, and captions.

O is computed once per sample and stored beside the shards, as a run's targets are. Of each sample S is known in several
ways: with place and moment, with the date or the hour alone, and as O. The caption to learn says season and part of the
day as far as that way tells them (`trainer.captioning.daytime`), and no more where there is a caption that does not, so
that a captioner names them when it is asked about a moment. Nothing here knows networks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from trainer.captioning.daytime import dated, said_parts, said_seasons
from trainer.embedder import Embedder
from trainer.encoding import When
from trainer.errors import SourceError
from trainer.measures.embedding import embed_pictures
from trainer.shards.tars import Shards
from trainer.training.targets import Crew, stored_vectors

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

WAYS = ("moment", "date", "hour", "tile")
MIN_WORDS = 3  # shorter ones are tags
_LEAD = re.compile(
    r"^(?:(?:an? |my |the )?(?:photo|picture|image|snapshot|view)(?: of |: )|(?:here|seen today): )", re.I
)


@dataclass(frozen=True)
class Samples:
    """n samples with a vector and at least one caption.

    Attributes:
        overhead: O, float32 [n, d].
        dynamic: E in each of `WAYS` that the model can be asked, float32 [w, n, d].
        captions: To learn, for each way and sample: texts of the same number in every way.
    """

    overhead: Floats
    dynamic: Floats
    captions: Sequence[Sequence[Sequence[str]]]

    def __len__(self) -> int:
        return len(self.overhead)

    def vectors(self, ways: Ints, rows: Ints) -> Floats:
        """S of rows, each in a way of its own, float32 [b, d]."""
        s: Floats = self.overhead[rows] + self.dynamic[ways, rows]
        return s


def read_samples(shards: Shards, embedder: Embedder, cache: Path, *, progress: Progress | None = None) -> Samples:
    """The samples of shards that have captions; vectors are read from the cache where they are there.

    Raises:
        SourceError: No sample has a caption of three words and a picture that can be read.
    """
    overhead = overhead_vectors(shards, embedder, cache, progress=progress).astype(np.float32)
    texts = [_worth(shards.captions(i)) for i in range(len(shards))]
    rows = np.array([i for i, said in enumerate(texts) if said and np.isfinite(overhead[i]).all()], np.int64)
    if not len(rows):
        raise SourceError(
            f"shards {shards.where}: no sample has `captions` of {MIN_WORDS} words or more in its metadata and a tile "
            "that can be read: a captioner needs both"
        )
    whens = [_moment(shards, i) for i in rows.tolist()]
    lat, lon = shards.lat[rows], shards.lon[rows]
    ways = WAYS if embedder.has_encoder else WAYS[-1:]
    dynamic = np.zeros((len(ways), len(rows), embedder.dim), np.float32)
    captions = []
    for number, way in enumerate(ways):
        known = [seen(when, way) for when in whens]
        if way != "tile":
            s = embedder.at(overhead[rows], lat=lat, lon=lon, when=cast("Sequence[When]", known))
            # where this way knows nothing S = O, as in a search without a moment; no E of an unknown one
            dynamic[number] = np.where([[when is not None] for when in known], s - overhead[rows], 0)
        places = zip(rows.tolist(), known, lat.tolist(), lon.tolist(), strict=True)
        captions.append([[dated(t, when, lat=at, lon=on) for t in _told(texts[i], when)] for i, when, at, on in places])
    return Samples(overhead[rows], dynamic, captions)


def overhead_vectors(
    shards: Shards, embedder: Embedder, cache: Path, *, progress: Progress | None = None
) -> npt.NDArray[np.float16]:
    """O of each sample's tile, unnormalised, float16 [n, d]; a row of NaN where it cannot be read."""

    def embed(rows: range) -> Floats:
        return embed_pictures(embedder, shards, np.arange(rows.start, rows.stop), part="overhead", role="tile")

    folder = cache / f"overhead-{embedder.model_id}-{shards.fingerprint}"
    return stored_vectors(folder, len(shards), embedder.dim, embed, Crew(), progress)


def seen(when: datetime | None, way: str) -> When:
    """What of a moment a way tells."""
    if when is None or way == "tile":
        return None
    parts: dict[str, date | time] = {"moment": when, "date": when.date(), "hour": when.time()}
    return parts[way]


def _moment(shards: Shards, i: int) -> datetime | None:
    when = shards.when[i]
    return None if np.isnat(when) else cast(datetime, when.astype("datetime64[s]").item())


def _told(captions: Sequence[str], when: When) -> list[str]:
    """As many captions, of those that tell nothing of the moment which is not known; all of them if each does."""
    dated_, timed = isinstance(when, date), isinstance(when, datetime | time)
    fitting = [t for t in captions if (dated_ or not said_seasons(t)) and (timed or not said_parts(t))] or captions
    # as many as in every other way, so that a number names one caption of a sample in all of them
    return [fitting[i % len(fitting)] for i in range(len(captions))]


def _worth(captions: Sequence[str]) -> list[str]:
    """Those that are more than tags, without what says that they are captions."""
    plain = [_LEAD.sub("", " ".join(text.split())) for text in captions]
    return [text for text in plain if len(text.split()) >= MIN_WORDS]
