"""The photos of a gallery as columns, and which of them a filter lets through.

A filter never matches what is not known: a photo without a place is not within 5 km, one without a date is not of July.
How many photos a filter lost that way is counted, by what they lack. Months are those of the camera's wall clock, or of
the UTC date where that alone is known; hours need the wall clock. Seasons are those of the photo's own hemisphere.

It does not know vectors, tiles or the screen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.archive.parts import Archive
from trainer.errors import UsageError

SEASONS = {"spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11), "winter": (12, 1, 2)}
"""Months of the northern hemisphere; in the southern they are half a year off."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_COLUMNS = ("lat", "lon", "taken_local", "taken_utc", "path", "url", "owner", "licence", "heading_deg")
_NOT_KNOWN = -1
_VERSION = re.compile(r"(.*?)(\d+\.\d+)")
_CC_URL = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)/(\d+\.\d+)?")

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PhotoFilter:
    """What a photo must satisfy.

    Args:
        within_m: Metres from the place asked about, at most.
        licences: One of these; without a version any version of it, see `licence_key`.
        months: Taken in one of these months, 1..12.
        seasons: One of these names of `SEASONS`, as it is where the photo was taken.
        hours: From and to on the wall clock, 0..24, the end not included; it may run over midnight.

    Raises:
        UsageError: A value is out of range or unknown.
    """

    within_m: float | None = None
    licences: tuple[str, ...] = ()
    months: frozenset[int] = frozenset()
    seasons: frozenset[str] = frozenset()
    hours: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.within_m is not None and not 0 < self.within_m < np.inf:
            raise UsageError(f"within {self.within_m / 1000:g} km: give a distance above 0")
        unknown = sorted(self.seasons - set(SEASONS))
        if unknown:
            raise UsageError(f"season {unknown[0]!r} is unknown: use {', '.join(SEASONS)}")
        if not self.months <= set(range(1, 13)):
            raise UsageError(f"months {sorted(self.months)}: they go from 1 to 12")
        if self.hours is not None and not (all(0 <= h <= 24 for h in self.hours) and self.hours[0] != self.hours[1]):
            raise UsageError(f"hours {self.hours[0]:g} to {self.hours[1]:g}: they go from 0 to 24, and must differ")
        if any(not licence_key(name)[0] for name in self.licences):
            raise UsageError("an empty licence: give its name, such as CC-BY or CC0-1.0")

    def as_dict(self) -> dict[str, Any]:
        """Say the filter in JSON types; what is not asked is left out."""
        said = {
            "within_m": self.within_m,
            "licences": list(self.licences),
            "months": sorted(self.months),
            "seasons": [name for name in SEASONS if name in self.seasons],
            "hours": None if self.hours is None else list(self.hours),
        }
        return {name: value for name, value in said.items() if value not in (None, [])}


@dataclass(frozen=True)
class Selection:
    """What a filter found.

    Attributes:
        mask: Which photos match, bool [n].
        unknown: How many photos of the whole gallery could not match because this is not known of them: ``place``,
            ``date``, ``hour``, ``licence``; only what the filter asks for and what any photo lacks.
    """

    mask: Mask
    unknown: dict[str, int]


@dataclass(frozen=True)
class Gallery:
    """n photos.

    Attributes:
        ids: Ids of the photos in the gallery, [n].
        lat: Degrees north, NaN where unknown, [n].
        lon: Degrees east, NaN where unknown, [n].
        table: The archive's other columns, n rows.
    """

    ids: list[str]
    lat: Floats
    lon: Floats
    table: pa.Table

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.ids)

    def record(self, row: int) -> dict[str, Any]:
        """What the archive says of one photo, without its vector."""
        record: dict[str, Any] = self.table.slice(row, 1).to_pylist()[0]
        return record | {"photo_id": self.ids[row]}

    def licences(self) -> list[str]:
        """The licences there are, the most frequent first."""
        counts = self.table["licence"].drop_null().value_counts().to_pylist()
        return [row["values"] for row in sorted(counts, key=lambda row: (-row["counts"], row["values"]))]

    def select(self, asked: PhotoFilter, distance_m: Floats) -> Selection:
        """Which photos match.

        Args:
            asked: What they must satisfy; an empty filter lets all through.
            distance_m: From the place asked about, [n]; read only where `within_m` is asked for.
        """
        mask = np.ones(len(self), dtype=np.bool_)
        unknown: dict[str, int] = {}

        def need(what: str, known: Mask, matches: Mask) -> None:
            nonlocal mask
            mask = mask & known & matches
            if not known.all():
                unknown[what] = int(np.count_nonzero(~known))

        placed = np.isfinite(self.lat)
        if asked.within_m is not None:
            need("place", placed, distance_m <= asked.within_m)
        if asked.months or asked.seasons:
            month = self._months()
            if asked.months:
                need("date", month > 0, np.isin(month, list(asked.months)))
            if asked.seasons:
                north = [number for name in asked.seasons for number in SEASONS[name]]
                # a season needs the hemisphere: without a place there is none
                need("place", placed, np.ones_like(mask))
                # in the south six months on: January there is the July of the table
                need("date", month > 0, np.isin(np.where(self.lat < 0, (month + 5) % 12 + 1, month), north))
        if asked.hours is not None:
            minute, (first, last) = self._minutes(), (60 * hour for hour in asked.hours)
            later, earlier = minute >= first, minute < last
            # a span that ends before it begins runs over midnight
            need("hour", minute >= 0, later & earlier if first < last else later | earlier)
        if asked.licences:
            need("licence", *self._licensed(asked.licences))
        return Selection(mask, unknown)

    def _months(self) -> npt.NDArray[np.int64]:
        """1..12, or `_NOT_KNOWN`, [n]."""
        local, utc = self._times("taken_local"), self._times("taken_utc")
        return _since(np.where(np.isnat(local), utc, local), "M", "Y", first=1)

    def _minutes(self) -> npt.NDArray[np.int64]:
        """Minutes of the day on the wall clock, or `_NOT_KNOWN`, [n]."""
        return _since(self._times("taken_local"), "m", "D", first=0)

    def _times(self, column: str) -> npt.NDArray[np.datetime64]:
        times = self.table[column].cast(pa.timestamp("us")).to_numpy()
        return np.asarray(times, "datetime64[us]")

    def _licensed(self, asked: Sequence[str]) -> tuple[Mask, Mask]:
        """Whose licence is known, and who has one of those asked for."""
        # many photos, few licences: each licence is understood once
        names = self.table["licence"].combine_chunks().dictionary_encode()
        wanted = [licence_key(name) for name in asked]
        fits = [any(_covers(want, licence_key(name)) for want in wanted) for name in names.dictionary.to_pylist()]
        codes = names.indices.fill_null(_NOT_KNOWN).to_numpy()
        return codes >= 0, np.array([*fits, False], dtype=np.bool_)[codes]  # the last is that of -1


def read_gallery(archive: Archive) -> Gallery:
    """Every photo of an archive; of equal ids the one in the last part by name.

    Raises:
        ArchiveError: A part is broken.
    """
    names = ("photo_id", *_COLUMNS)
    tables = [archive.columns(path, names) for path in archive.parts()]
    if not tables:
        return Gallery([], np.empty(0), np.empty(0), pa.table({name: [] for name in _COLUMNS}))
    whole = pa.concat_tables(tables)
    # of equal ids the last row stays, at the place of the first
    last = {name: row for row, name in enumerate(whole["photo_id"].to_pylist())}
    if len(last) < whole.num_rows:
        whole = whole.take(pa.array(list(last.values())))
    lat, lon = (np.asarray(whole[name].to_numpy(), np.float64) for name in ("lat", "lon"))
    return Gallery(list(last), lat, lon, whole.select(_COLUMNS))


def licence_key(text: str) -> tuple[str, str | None]:
    """Family and version of a licence: ``CC BY-SA 4.0``, ``cc-by-sa-4.0`` and its URL give ``('ccbysa', '4.0')``."""
    url = _CC_URL.search(text.casefold())
    if url:
        family = {"zero": "cc0", "mark": "pdm"}.get(url[1], f"cc{url[1]}")  # in URLs these two have names of their own
        return re.sub(r"[^a-z0-9]", "", family), url[2]
    versioned = _VERSION.match(text.casefold())  # what follows the version is a country's port of it
    family, version = (versioned[1], versioned[2]) if versioned else (text.casefold(), None)
    return re.sub(r"[\W_]", "", family), version


def parse_months(text: str) -> frozenset[int]:
    """Read ``6-8``, ``12,1,2``, ``nov-feb`` or ``July``.

    Raises:
        UsageError: It is no list of months.
    """
    found: set[int] = set()
    for item in text.split(","):
        ends = [_month(name, text) for name in item.split("-", 1)]
        first, last = ends[0], ends[-1]
        # round the year: nov-feb is 11, 12, 1, 2
        found |= {(first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1)}
    return frozenset(found)


def parse_hours(text: str) -> tuple[float, float]:
    """Read ``6-10`` (06:00 to before 10:00), ``22-4`` or ``6:30-8``.

    Raises:
        UsageError: It is no span of hours.
    """
    match = re.fullmatch(r"\s*(\d{1,2})(?::([0-5]\d))?\s*-\s*(\d{1,2})(?::([0-5]\d))?\s*", text)
    if match is None:
        raise UsageError(f"hours {text[:40]!r} cannot be read: write 6-10, 22-4 or 6:30-8")
    first, last = (int(match[i]) + int(match[i + 1] or 0) / 60 for i in (1, 3))
    return first, last


def _month(text: str, whole: str) -> int:
    name = text.strip().casefold()
    if name.isascii() and name.isdigit() and 1 <= int(name) <= 12:
        return int(name)
    if len(name) >= 3 and name[:3] in _MONTHS:
        return _MONTHS.index(name[:3]) + 1
    raise UsageError(f"months {whole[:40]!r} cannot be read: write 6-8, 12,1,2 or nov-feb")


def _covers(asked: tuple[str, str | None], have: tuple[str, str | None]) -> bool:
    return asked[0] == have[0] and asked[1] in (None, have[1])


def _since(times: npt.NDArray[np.datetime64], unit: str, start: str, *, first: int) -> npt.NDArray[np.int64]:
    """How many units have gone by in the running larger one, counted from `first`; `_NOT_KNOWN` for NaT, [n]."""
    known = ~np.isnat(times)
    # NaT counts as no number: a stand-in is cast, and `_NOT_KNOWN` put in its place
    sound = np.where(known, times, np.datetime64(0, "us"))
    gone = sound.astype(f"datetime64[{unit}]") - sound.astype(f"datetime64[{start}]").astype(f"datetime64[{unit}]")
    return np.where(known, gone.astype(np.int64) + first, _NOT_KNOWN)
