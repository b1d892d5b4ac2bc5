"""Where every sample of a tar lies, and its place, time and ids: read once from headers, then from a file beside it.

    .index.npz      the columns of `SampleTable`, of all tars of the folder; of each tar name, size and time of
                    change, so that it is read anew when it has changed

Nothing here reads pictures, or knows which of them are needed.
"""

import hashlib
import json
import logging
import math
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.shards.wall_clock import has_no_hour, parse_wall_clock, why_implausible

logger = logging.getLogger(__name__)

PARTS = ("groundlevel", "overhead", "metadata")
INDEX, INDEX_VERSION = ".index.npz", 3
Members = dict[str, tuple[int, int]]  # of a sample: part → offset, length
MISSING = -1  # id of a place or owner that is not known; never equal to another


@dataclass(slots=True)
class SampleTable:
    """The samples of one tar, or of several, as columns of one length, and what was wrong with it.

    Attributes:
        keys: Names of the samples, str [n].
        offsets: int64 [n, 3], where the content of each part starts, in the order of PARTS.
        sizes: int64 [n, 3], bytes; -1: the sample lacks this part.
        lat: float64 [n], degrees north, WGS84.
        lon: float64 [n], degrees east, WGS84.
        when: datetime64[s] [n], camera-local; NaT: not known.
        place: int64 [n], a hash; MISSING: not told.
        owner: int64 [n], a hash of the photographer's name; MISSING: not told.
        problems: Samples that were left out, by reason.
        dates: Samples that are kept without a date, by reason.
    """

    keys: npt.NDArray[np.str_]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    when: npt.NDArray[np.datetime64]
    place: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    problems: Counter[str] = field(default_factory=Counter)
    dates: Counter[str] = field(default_factory=Counter)


def read_tables(tars: Sequence[Path]) -> dict[int, SampleTable]:
    """The table of every tar, by its number; from the index file of its folder where that is still true."""
    tables: dict[int, SampleTable] = {}
    for folder in sorted({tar.parent for tar in tars}):
        known = _read_index(folder / INDEX)
        # by name, size and time of change: one tar that was copied anew is read anew, the others are not
        stamps = {i: _stamp(tar) for i, tar in enumerate(tars) if tar.parent == folder}
        fresh = [i for i, stamp in stamps.items() if stamp not in known]
        for i, stamp in stamps.items():
            tables[i] = known.get(stamp) or _scan(tars[i])
        if fresh:
            logger.info("indexed %d of %d tars in %s", len(fresh), len(stamps), folder)
            # only the tars asked for: a list of some of a folder's tars leaves an index of those
            _write_index(folder / INDEX, {stamp: tables[i] for i, stamp in stamps.items()})
    return tables


def _stamp(tar: Path) -> str:
    status = tar.stat()
    return f"{tar.name} {status.st_size} {status.st_mtime_ns}"


def _scan(path: Path) -> SampleTable:
    """Read the headers and the metadata of one tar."""
    rows: list[tuple[Any, ...]] = []
    problems: Counter[str] = Counter()
    dates: Counter[str] = Counter()
    size = path.stat().st_size
    with path.open("rb") as content:
        for key, members in _samples(path, problems):
            # headers come before contents: a tar that was cut off names a file that it does not hold
            if any(offset + length > size for offset, length in members.values()):
                problems["truncated"] += 1
                continue
            offset, length = members.get("metadata", (0, -1))
            try:
                # `pread` takes its own offset: no seek, and nothing shared with the reader of headers
                metadata = _metadata(os.pread(content.fileno(), length, offset)) if length >= 0 else None
                if metadata is None:
                    problems["no_metadata"] += 1
                    continue
                lat, lon = _degrees(metadata, "latitude", 90), _degrees(metadata, "longitude", 180)
            except _BrokenError as e:
                problems[str(e)] += 1
                continue
            when = _when(metadata.get("date_taken"), dates)
            where = [members.get(part, (0, -1)) for part in PARTS]
            ids = (_id(metadata.get("place")), _id(metadata.get("owner")))
            rows.append((key, [w[0] for w in where], [w[1] for w in where], lat, lon, when, *ids))
    return _table(rows, problems, dates)


class _BrokenError(Exception):
    """A sample that is skipped; the message is the reason."""


def _samples(path: Path, problems: Counter[str]) -> Iterator[tuple[str, Members]]:
    """Key and parts of each sample of a tar, in the order in which they begin.

    Parts that lie apart are one sample. Where a part comes twice nobody knows which belong together: what stands side
    by side first is the sample, the rest is counted.
    """
    groups: dict[str, list[Members]] = {}
    for key, members in _neighbours(path, problems):
        groups.setdefault(key, []).append(members)
    for key, found in groups.items():
        if sum(map(len, found)) > len(set().union(*found)):
            problems["duplicate_key"] += len(found) - 1
            yield key, found[0]
        else:
            yield key, {part: place for members in found for part, place in members.items()}


def _neighbours(path: Path, problems: Counter[str]) -> Iterator[tuple[str, Members]]:
    """Key and parts of files of one key that stand side by side, as WebDataset asks; a part again begins anew."""
    key, members = "", Members()
    try:
        length = path.stat().st_size
        # uncompressed alone: offsets into a compressed tar would be of no use
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if not member.isfile():
                    continue
                if member.offset_data + member.size > length:
                    raise tarfile.ReadError("unexpected end of data")
                folder, _, name = member.name.rpartition("/")
                stem, _, suffix = name.partition(".")
                # WebDataset's key: everything before the first dot of the name
                this, part = f"{folder}/{stem}" if folder else stem, suffix.partition(".")[0]
                if (this != key or part in members) and members:
                    yield key, members
                    members = {}
                key = this
                members[part] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, EOFError) as e:
        problems["broken_tar"] += 1
        logger.warning("%s cannot be read to its end (%s): copy it again", path, e)
    if members:
        yield key, members


def _metadata(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        raise _BrokenError("broken_metadata") from None
    if not isinstance(document, dict):
        raise _BrokenError("broken_metadata")
    return document


def _degrees(metadata: Mapping[str, Any], name: str, limit: float) -> float:
    try:
        value = float(metadata[name])
    except (KeyError, TypeError, ValueError):
        raise _BrokenError("no_place") from None
    if not math.isfinite(value) or abs(value) > limit:
        raise _BrokenError("no_place")
    return value


def _when(text: object, dates: Counter[str]) -> datetime | None:
    if text is None or text == "":
        dates["none"] += 1
        return None
    found = parse_wall_clock(str(text))
    if found is None:
        dates["no_hour" if has_no_hour(str(text)) else "unreadable"] += 1
        return None
    if found.ahead is not None:  # with a zone it is not the camera's clock
        dates["with_zone"] += 1
        return None
    if why_implausible(found.local):
        dates["implausible"] += 1
        return None
    return found.local.replace(microsecond=0)


def _id(name: object) -> int:
    """63 bits for a name; MISSING for none."""
    if name is None or name == "":
        return MISSING
    # one bit less, so that it is a positive int64 and never `MISSING`
    return int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=8).digest(), "big") >> 1


def _table(rows: Sequence[tuple[Any, ...]], problems: Counter[str], dates: Counter[str]) -> SampleTable:
    keys, offsets, sizes, lat, lon, when, place, owner = zip(*rows, strict=True) if rows else ((),) * 8
    return SampleTable(
        np.array(keys, np.str_),
        np.array(offsets, np.int64).reshape(-1, len(PARTS)),
        np.array(sizes, np.int64).reshape(-1, len(PARTS)),
        np.array(lat, np.float64),
        np.array(lon, np.float64),
        np.array(when, "datetime64[s]"),
        np.array(place, np.int64),
        np.array(owner, np.int64),
        problems,
        dates,
    )


_COLUMNS = ("keys", "offsets", "sizes", "lat", "lon", "when", "place", "owner")


def joined(tables: Sequence[SampleTable]) -> SampleTable:
    """The samples of several tars, one after the other."""
    columns: list[Any] = [np.concatenate([getattr(t, c) for t in tables]) for c in _COLUMNS]
    columns += [sum((t.problems for t in tables), Counter()), sum((t.dates for t in tables), Counter())]
    return SampleTable(*columns)


def _write_index(path: Path, tables: Mapping[str, SampleTable]) -> None:
    """Keep the tables beside the tars; a folder that cannot be written to is scanned again next time."""
    about = [{"stamp": s, "samples": len(t.keys), "problems": t.problems, "dates": t.dates} for s, t in tables.items()]
    columns = {c: getattr(joined(list(tables.values())), c) for c in _COLUMNS}
    # several processes may index one folder at once: each writes its own, the last rename stays
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as f:
            np.savez(f, version=INDEX_VERSION, about=json.dumps(about), **columns)
        part.replace(path)
    except OSError as e:
        logger.info("%s cannot be written (%s): the tars are scanned every time", path, e.strerror)
        part.unlink(missing_ok=True)


def _read_index(path: Path) -> dict[str, SampleTable]:
    """Tables by the stamp of their tar; empty where the file is missing, broken or of another version."""
    try:
        # no pickle: the file lies beside data that others may have written
        with np.load(path, allow_pickle=False) as stored:
            if int(stored["version"]) != INDEX_VERSION:
                return {}
            about = json.loads(str(stored["about"]))
            columns = [stored[c] for c in _COLUMNS]
    except (OSError, ValueError, KeyError, EOFError):
        return {}
    tables, start = {}, 0
    # columns of all tars stand one after the other
    for tar in about:
        rows = slice(start, start + tar["samples"])
        cut: list[Any] = [column[rows] for column in columns]
        tables[tar["stamp"]] = SampleTable(*cut, *(Counter(tar[name]) for name in ("problems", "dates")))
        start += tar["samples"]
    return tables
