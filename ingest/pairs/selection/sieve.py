"""The steps that a row of metadata goes through, each of which leaves some out and counts them by reason.

    broken_row, video …        in the file already
    no_address                 nothing says where the picture is
    no_place, bad_place        no coordinates; no numbers, latitude 91, or 0, 0, which programs write for none
    no_date, bad_date          none; 0000-00-00 or other than a moment
    rounded_date               midnight of the first of a month: only the month or the year was known
    too_early, too_late        before the earliest plausible moment; in the future, or after the photo was uploaded
    accuracy                   of the place, too low
    licence, country           not among those asked for

With `keep_undated` the four of the date leave nothing out: the photo goes on without a date, and a note is counted.
Moments are the camera's wall clock, which may be 14 hours ahead of UTC. It knows one row at a time.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.pairs.metadata.columns import Floats, Moments, as_text, hashes, mixed, moments, numbers
from ingest.pairs.metadata.licences import licence_code
from ingest.pairs.metadata.rows import COLUMNS, Block
from ingest.pairs.recipe import Recipe
from ingest.places.countries import Countries

CANDIDATES = pa.schema(
    [
        ("key", pa.uint64()),  # of the photographer; of moment and place where nobody is named
        ("id", pa.string()),
        ("address", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("taken", pa.timestamp("s")),
        ("accuracy", pa.float32()),
        ("country", pa.string()),
        *((name, pa.string()) for name in ("owner", "owner_name", "licence", "page", "title", "description", "tags")),
        ("escaped", pa.bool_()),
    ]
)
_AHEAD = np.timedelta64(15, "h")  # of UTC, the camera's clock, and an hour for its error
_TEXTS = ("owner", "owner_name", "licence", "page", "title", "description", "tags")
Mask = npt.NDArray[np.bool_]


@dataclass
class Sieved:
    """What is left of a block.

    Attributes:
        candidates: Of the schema `CANDIDATES`.
        left_out: Rows by reason.
        notes: Rows that go on without a value, by reason.
    """

    candidates: pa.Table
    left_out: Counter[str]
    notes: Counter[str] = field(default_factory=Counter)


class Sieve:
    """The steps, for one recipe. Blocks may come in any order.

    Args:
        recipe: Accuracy, licences, countries and dates that are asked for.
        countries: Say where a place lies.
        now: Naive UTC; photos of a later day are of the future.
    """

    def __init__(self, recipe: Recipe, countries: Countries, now: datetime | None = None) -> None:
        self._recipe, self._countries = recipe, countries
        self._now = np.datetime64((now or datetime.now(UTC).replace(tzinfo=None)).replace(microsecond=0), "s")
        self._earliest = np.datetime64(recipe.earliest, "s")
        self._only = countries.numbers(recipe.countries)
        self._without = countries.numbers(recipe.without_countries)

    def __call__(self, block: Block) -> Sieved:
        """The rows of a block that may become pairs."""
        left_out = Counter(block.left_out)
        rows, lat, lon = self._placed(block.rows, left_out)
        notes = Counter(block.notes)
        taken, dated = self._dated(rows, notes if self._recipe.keep_undated else left_out)
        accuracy = numbers(_texts(rows, "accuracy"))
        keep = np.ones(len(rows), bool) if self._recipe.keep_undated else dated
        # NaN, where none is told, is not below
        keep = _without(keep, accuracy < self._recipe.min_accuracy, left_out, "accuracy")
        if self._recipe.licences:
            keep = _without(keep, ~self._licensed(_texts(rows, "licence")), left_out, "licence")
        # countries last: each place is looked up
        at = np.flatnonzero(keep)
        country = self._countries.at(lat=lat[at], lon=lon[at])
        wanted = self._in_countries(country)
        left_out["country"] += int(np.count_nonzero(~wanted))
        at, country = at[wanted], country[wanted]
        table = self._candidates(rows.take(pa.array(at)), lat[at], lon[at], taken[at], accuracy[at], country, notes)
        table = table.append_column("escaped", pa.array(np.full(len(at), block.escaped)))
        return Sieved(table.cast(CANDIDATES), +left_out, +notes)

    def _placed(self, rows: pa.RecordBatch, left_out: Counter[str]) -> tuple[pa.RecordBatch, Floats, Floats]:
        """The rows that have a picture somewhere, and a place; latitudes and longitudes [k]."""
        if not len(rows):
            return rows, np.zeros(0), np.zeros(0)
        found = _valid(rows, "address") & _valid(rows, "id")
        left_out["no_address"] += int(np.count_nonzero(~found))
        given = _valid(rows, "lat") | _valid(rows, "lon")
        keep = _without(found, ~given, left_out, "no_place")
        some = rows.filter(pa.array(keep))
        lat, lon = numbers(_texts(some, "lat")), numbers(_texts(some, "lon"))
        good = (np.abs(lat) <= 90) & (np.abs(lon) <= 180) & ((lat != 0) | (lon != 0))  # NaN is neither
        left_out["bad_place"] += int(np.count_nonzero(~good))
        # blocks of 1° are numbered for longitudes below 180
        return some.filter(pa.array(good)), lat[good], np.where(lon[good] == 180, -180.0, lon[good])

    def _dated(self, rows: pa.RecordBatch, counted: Counter[str]) -> tuple[Moments, Mask]:
        """When each photo was taken, NaT where that is not known or not plausible, and where it is."""
        taken = moments(_texts(rows, "taken"))
        uploaded = _uploaded(rows)
        day = taken.astype("datetime64[D]")
        rounded = (taken == day) & (day == taken.astype("datetime64[M]"))
        keep = _without(np.ones(len(rows), bool), ~_valid(rows, "taken"), counted, "no_date")
        keep = _without(keep, np.isnat(taken), counted, "bad_date")
        keep = _without(keep, rounded, counted, "rounded_date")
        keep = _without(keep, taken < self._earliest, counted, "too_early")
        keep = _without(keep, (taken > self._now + _AHEAD) | (taken > uploaded + _AHEAD), counted, "too_late")
        return np.where(keep, taken, np.datetime64("NaT")), keep

    def _licensed(self, column: pa.Array) -> Mask:
        coded = column.dictionary_encode()
        allowed = [licence_code(text) in self._recipe.licences for text in coded.dictionary.to_pylist()]
        # none is −1, and so the first
        found: Mask = np.array([False, *allowed])[np.asarray(coded.indices.fill_null(-1)) + 1]
        return found

    def _in_countries(self, numbers_: npt.NDArray[np.int16]) -> Mask:
        inside = np.isin(numbers_, self._only) if self._only else np.ones(len(numbers_), bool)
        return inside & ~np.isin(numbers_, self._without)

    def _candidates(
        self, rows: pa.RecordBatch, lat: Floats, lon: Floats, taken: Moments, accuracy: Floats,
        country: npt.NDArray[np.int16], notes: Counter[str],
    ) -> pa.Table:  # fmt: skip
        """The columns of `CANDIDATES`, without `escaped`."""
        columns = {name: _texts(rows, name) for name in ("id", "address", *_TEXTS)}
        wrong = [np.asarray(pc.match_substring(text, "\ufffd").fill_null(False)) for text in columns.values()]
        notes["not_utf8"] += int(np.count_nonzero(np.logical_or.reduce(wrong)))
        owners = hashes(columns["owner"])
        # who names nobody is a photographer of one photo, by moment and place
        nobody = mixed(taken.view(np.int64).astype(np.uint64), lat.view(np.uint64), lon.view(np.uint64))
        codes = pa.array(self._countries.codes)
        columns["key"] = pa.array(np.where(owners > 0, owners, nobody))
        columns["lat"], columns["lon"] = pa.array(lat), pa.array(lon)
        columns["taken"] = pa.array(taken, pa.timestamp("s"))
        columns["accuracy"] = pa.array(accuracy.astype(np.float32), from_pandas=True)  # NaN becomes null
        columns["country"] = codes.take(pa.array(country))
        return pa.table({name: columns[name] for name in CANDIDATES.names if name != "escaped"})


def _without(keep: Mask, bad: Mask, counted: Counter[str], reason: str) -> Mask:
    """What is kept of the kept, and how many are not."""
    counted[reason] += int(np.count_nonzero(keep & bad))
    return keep & ~bad


def _valid(rows: pa.RecordBatch, name: str) -> Mask:
    if name not in rows.schema.names:
        return np.zeros(len(rows), bool)
    return np.asarray(pc.is_valid(rows[name]))


def _texts(rows: pa.RecordBatch, name: str) -> pa.Array:
    """A column as text; nulls where there is no such column."""
    assert name in COLUMNS  # noqa: S101 - a slip of the pen
    if name not in rows.schema.names:
        return pa.nulls(len(rows), pa.string())
    return as_text(rows[name])


def _uploaded(rows: pa.RecordBatch) -> Moments:
    """UTC, datetime64[s] [n]; seconds since 1970, or a date."""
    text = _texts(rows, "uploaded")
    seconds = numbers(text)
    # 2⁴⁰ s is 35,000 years: larger numbers count something else
    known = np.isfinite(seconds) & (np.abs(seconds) < 2**40)
    stamps = np.where(known, seconds, 0).astype(np.int64).astype("datetime64[s]")
    return np.where(known, stamps, moments(text))
