"""Training pairs on disk: folders of WebDataset tars in the layout of the paper's authors, read at random, by index.

    NAME-000000.tar
        KEY.groundlevel.jpg     a photo taken on the ground (any format that Pillow reads)
        KEY.overhead.jpg        the tile around its place
        KEY.metadata.json       latitude, longitude (degrees, WGS84); date_taken, YYYY-MM-DD HH:MM:SS.f, camera-local
    .index.npz                  made here, see `trainer.shards.index`

Ours, and optional in the metadata: `captions` (texts), `owner` (photographer), `photo_id`, and `place`: photos of one
place, or of one owner, are no negatives of each other. A split is a folder (`train/`, `val/`, `test/`).

A sample that lacks a part, or whose key comes twice in its tar, is skipped and counted by reason. A date that is
missing, has no hour or cannot be read stays missing: it is never made up. What is skipped is told. Nothing here decodes
a picture, or knows models and training.
"""

import hashlib
import io
import json
import logging
import os
import re
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

import numpy as np

from trainer.errors import SourceError, UsageError
from trainer.shards.index import MISSING, PARTS, joined, read_tables

__all__ = ["MISSING", "Pair", "Part", "ShardWriter", "Shards"]

logger = logging.getLogger(__name__)

Part: TypeAlias = Literal["groundlevel", "overhead"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample as it lies in the tar.

    Attributes:
        key: Its name, unique within a shard.
        overhead: The encoded tile; empty where it is missing.
        groundlevel: The encoded photo; empty where it is missing.
        lat: Degrees north, WGS84.
        lon: Degrees east, WGS84.
        when: Camera-local time, naive; None: not known.
        captions: Texts for the photo, maybe none.
        owner: Name of who took the photo; photos of one owner are no negatives of each other.
        place: Name of the place; photos of one place are no negatives of each other.
        photo_id: Name of the photo where it came from.
    """

    key: str
    overhead: bytes
    groundlevel: bytes
    lat: float
    lon: float
    when: datetime | None
    captions: tuple[str, ...] = ()
    owner: str | None = None
    place: str | None = None
    photo_id: str | None = None


class ShardWriter:
    """Writes samples to `PREFIX-000000.tar`, …; a shard is whole or not there. Use it in `with`.

    Args:
        folder: Made if it is missing.
        prefix: Start of the names of the tars.
        samples_per_shard: Samples in all but the last.

    Raises:
        UsageError: The folder has shards of that prefix already.
    """

    def __init__(self, folder: Path, prefix: str = "pairs", samples_per_shard: int = 1000) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # numbers begin at 0: a second writer would write over the first one's shards
        if any(folder.glob(f"{prefix}-*.tar")):
            raise UsageError(f"{folder} has shards named {prefix}-*.tar already: choose another folder or remove them")
        self.written = 0
        self._folder, self._prefix, self._per_shard = folder, prefix, samples_per_shard
        self._shards = 0
        self._tar: tarfile.TarFile | None = None
        self._keys: set[str] = set()

    def __enter__(self) -> "ShardWriter":
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the last shard, or throw it away where the block failed."""
        if kind is None:
            self._finish()
        elif self._tar is not None:
            self._tar.close()
            self._part.unlink(missing_ok=True)

    def write(self, key: str, groundlevel: bytes | None, overhead: bytes | None, metadata: Mapping[str, Any]) -> None:
        """Write one sample.

        Args:
            key: Its name, without dots and slashes; unique within the shard.
            groundlevel: The encoded photo, or None.
            overhead: The encoded tile, or None.
            metadata: `latitude` and `longitude` at least; see the module. A `datetime` as `date_taken` is spelled out.
        """
        if not re.fullmatch(r"[^./\\]+", key):
            raise UsageError(f"key {key!r} of a sample must not be empty or hold dots and slashes")
        if self._tar is None:
            self._tar, self._keys = tarfile.open(self._part, "w"), set()  # noqa: SIM115 -- closed in _finish
        if key in self._keys:
            raise UsageError(f"key {key!r} comes twice in {self._part.name}: give every sample a name of its own")
        self._keys.add(key)
        document = json.dumps(dict(metadata), ensure_ascii=False, default=_spelled).encode()
        for name, content in (
            ("groundlevel.jpg", groundlevel),
            ("overhead.jpg", overhead),
            ("metadata.json", document),
        ):
            if content is not None:
                info = tarfile.TarInfo(f"{key}.{name}")
                info.size = len(content)
                self._tar.addfile(info, io.BytesIO(content))
        self.written += 1
        if len(self._keys) == self._per_shard:
            self._finish()

    @property
    def _part(self) -> Path:
        return self._folder / f".{self._prefix}-{self._shards:06d}.tar.part"

    def _finish(self) -> None:
        if self._tar is None:
            return
        self._tar.close()
        self._tar = None
        # a name that readers look for only when the tar is whole
        self._part.rename(self._folder / f"{self._prefix}-{self._shards:06d}.tar")
        self._shards += 1


def _spelled(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    raise UsageError(f"metadata value {value!r} cannot be written as JSON: give text, numbers and lists of them")


class Shards:
    """Random access to the samples of a folder of tars, or of a list of tars.

    Args:
        where: A folder, or the tars themselves.
        needs: The pictures without which a sample is skipped.

    Attributes:
        keys: Names of the samples, str [n].
        lat: float64 [n], degrees north.
        lon: float64 [n], degrees east.
        when: datetime64[s] [n], camera-local; NaT: not known.
        place: int64 [n], the same for samples of one `place`; MISSING: not told.
        owner: int64 [n], the same for photos of one `owner`; MISSING: not told.
        problems: How many samples were skipped, by reason.
        dates: Samples that were kept without a date: `none`, `no_hour`, `with_zone`, `implausible` or `unreadable`.

    Raises:
        SourceError: No tar there, or not one whole sample in them.
    """

    def __init__(self, where: Path | Sequence[Path], *, needs: Sequence[Part] = ("groundlevel", "overhead")) -> None:
        self.tars = _tars(where)
        tables = [table for _, table in sorted(read_tables(self.tars).items())]
        whole = joined(tables)
        lacking = [whole.sizes[:, PARTS.index(part)] < 0 for part in needs]
        self.problems = Counter(whole.problems)
        for part, lacks in zip(needs, lacking, strict=True):
            self.problems[f"no_{part}"] += int(lacks.sum())
        self.problems = +self.problems  # without zeros
        # a sample without both pictures is counted for each of them, and left out once
        kept = ~np.logical_or.reduce(lacking) if lacking else np.ones(len(whole.keys), bool)
        self._shard = np.repeat(np.arange(len(tables)), [len(t.keys) for t in tables])[kept]
        self._offsets, self._sizes = whole.offsets[kept], whole.sizes[kept]
        self.keys, self.when = whole.keys[kept], whole.when[kept]
        self.lat, self.lon = whole.lat[kept], whole.lon[kept]
        self.place, self.owner = whole.place[kept], whole.owner[kept]
        self.dates: Counter[str] = whole.dates
        self.where = str(where) if isinstance(where, Path) else f"{len(self.tars)} tars"
        if not len(self.keys):
            reasons = _reasons(self.problems) or "they are empty"
            raise SourceError(f"shards {self.where}: {len(self.tars)} tars hold not one whole sample ({reasons})")
        left_out = whole.problems.total() - whole.problems["broken_tar"] + int((~kept).sum())
        self._tell(left_out)

    def _tell(self, left_out: int) -> None:
        """Say what is missing, where a person sees it: numbers in a data card come after the training."""
        undated = int(np.isnat(self.when).sum())
        told = [f"{left_out} left out ({_reasons(self.problems)})"] if self.problems else []
        told += [f"{undated} without a date ({_reasons(self.dates)})"] if undated else []
        if told:
            logger.warning("shards %s: of %d samples %s", self.where, len(self) + left_out, ", ".join(told))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.keys)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over names, places and lengths of all samples; the same in every copy of the tars."""
        # not the contents, which are gigabytes: names, places and lengths change whenever a tar is made anew
        digest = hashlib.sha256("\n".join(self.keys).encode())
        for column in (self._shard, self._offsets, self._sizes):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()[:16]

    def picture(self, i: int, part: Part) -> bytes:
        """The encoded photo or tile of sample i; empty where it has none."""
        return self._read(i, (part,))[0]

    def metadata(self, i: int) -> dict[str, Any]:
        """The metadata of sample i, as written."""
        document: dict[str, Any] = json.loads(self._read(i, ("metadata",))[0])
        return document

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of sample i."""
        return _captions(self.metadata(i))

    def sample(self, i: int) -> Pair:
        """All of sample i."""
        overhead, groundlevel, document = self._read(i, ("overhead", "groundlevel", "metadata"))
        metadata = json.loads(document)
        when = None if np.isnat(self.when[i]) else self.when[i].astype("datetime64[s]").item()
        return Pair(
            str(self.keys[i]),
            overhead,
            groundlevel,
            float(self.lat[i]),
            float(self.lon[i]),
            when,
            _captions(metadata),
            *(None if metadata.get(k) is None else str(metadata[k]) for k in ("owner", "place", "photo_id")),
        )

    def _read(self, i: int, parts: Sequence[str]) -> list[bytes]:
        """Contents of parts of a sample; opens the tar anew, so that threads and processes share nothing."""
        path = self.tars[self._shard[i]]
        contents = []
        try:
            # unbuffered: a picture is read at once, and a buffer would read what nobody wants
            with path.open("rb", buffering=0) as tar:
                for part in parts:
                    column = PARTS.index(part)
                    offset, size = int(self._offsets[i, column]), int(self._sizes[i, column])
                    contents.append(os.pread(tar.fileno(), max(size, 0), offset))
                    # the index is of a whole file: it was cut since then
                    if len(contents[-1]) != max(size, 0):
                        raise SourceError(f"{path}: cut short within sample {self.keys[i]}: copy it again")
        except OSError as e:
            raise SourceError(f"{path} cannot be read ({e.strerror}): was it removed?") from e
        return contents


def _tars(where: Path | Sequence[Path]) -> list[Path]:
    """The tars in the order of their names."""
    if not isinstance(where, Path):
        tars = sorted(where)
    elif where.is_dir():
        tars = sorted(p for p in where.glob("*.tar") if not p.name.startswith("."))
    else:
        tars = [where] if where.suffix == ".tar" else []
    missing = [tar for tar in tars if not tar.is_file()]
    if missing or not tars:
        raise SourceError(f"shards {missing[0] if missing else where}: no tar there; give a folder that holds *.tar")
    return tars


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def _captions(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    captions = metadata.get("captions") or ()
    return (captions,) if isinstance(captions, str) else tuple(str(c) for c in captions)
