"""The gazetteer: where a named place lies, and which named place lies near, offline.

It holds GeoNames' 235,000 towns of 500 people or more with their names in all scripts, the countries, the states of the
USA and the nations of the United Kingdom. A name may be followed by a country or a state: ``Paris``, ``Paris, TX``,
``Springfield, Illinois, US``, ``Banepa, Nepal``. The files behind it are made on first use (`ingest.places.store`).

It does not know mountains, rivers, streets or other provinces, and no outline of anything (`ingest.places.areas`).
"""

import difflib
import logging
import math
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from pyproj import Geod

from ingest.places.names import MAX_CHARS, normal
from ingest.places.place import Matched, Nearby, Place, wind
from ingest.places.store import TOWN, Tell, are_made, forget, is_installed, on_sphere, open_names, open_places
from trainer.errors import AreaError, GroundcastError

_MAIN_NAME = 1.3  # a main name outweighs an other name of a place with twenty times its people
_OF_KIND = {"country": 1.0, "region": -1.9}  # Georgia is the country, New York the city
_BAND = math.radians(0.5)  # of latitude on both sides, searched first; holds some thousand towns
_CANDIDATES = 1_000  # of each way to search
_SIMILAR = 0.75  # of difflib's ratio, below which spellings are told from one another at a glance
_GEOD = Geod(ellps="WGS84")

_log = logging.getLogger(__name__)
T = TypeVar("T")


class _Reading(NamedTuple):
    """A way to understand a name.

    Attributes:
        name: Normal name (`ingest.places.names.normal`) of the place itself.
        qualifiers: Normal names of what must hold the place.
        holders: For each, the (country, province or "") that are called so; one of them must hold the place.
    """

    name: str
    qualifiers: list[str]
    holders: list[frozenset[tuple[str, str]]]


class Gazetteer:
    """Opened when first asked; may be used from several threads.

    Args:
        folder: Where its files lie, or are made.
        tell: Called with a line when they are made, which takes a while.
    """

    def __init__(self, folder: Path, tell: Tell = _log.warning) -> None:
        self._folder = folder
        self._tell = tell
        self._lock = threading.RLock()  # `_sound` holds it and calls `close`
        self._made = False

    @property
    def ready(self) -> bool:
        """Whether names are answered to at once; where not, the next question makes the files, or waits for them."""
        self._made = self._made or not is_installed() or are_made(self._folder)
        return self._made

    def find_places(self, text: str, k: int = 10, *, exact: bool = False) -> list[Place]:
        """Places of a name, the likeliest first: by how the name matches, then by people.

        Args:
            text: A name in any script; countries and states may follow behind commas or at the end.
            k: How many at most.
            exact: Only places of that very name, accents and case aside.

        Raises:
            AreaError: The name is empty, has no letter or digit, or is far too long.
            GroundcastError: The files of the gazetteer cannot be made.
        """
        _check_name(text)
        return self._sound(lambda: self._find(text, k, exact))

    def nearest_place(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> list[Nearby | None]:
        """The named town nearest to each point, countries and regions left out.

        Args:
            lat: Degrees [n]; None comes back where it is not finite, and without GeoNames' package everywhere.
            lon: Degrees [n].

        Raises:
            GroundcastError: The files of the gazetteer cannot be made.
        """
        lats, lons = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
        known = np.flatnonzero(np.isfinite(lats) & np.isfinite(lons))
        found: list[Nearby | None] = [None] * len(lats)
        if known.size and is_installed():
            near = self._sound(lambda: self._nearest(lats[known], lons[known]))
            for row, place in zip(known.tolist(), near, strict=True):
                found[row] = place
        return found

    def towns_of(self, country: str, admin_code: str | None = None) -> npt.NDArray[np.float64]:
        """Latitude and longitude [n, 2] of the towns of a country, or of one of its provinces."""
        # None: any province
        query = "SELECT lat, lon FROM place WHERE kind = ? AND country = ? AND admin_code = coalesce(?, admin_code)"
        rows = self._sound(lambda: self._places.execute(query, (TOWN, country, admin_code)).fetchall())
        return np.asarray(rows, float).reshape(-1, 2)

    def close(self) -> None:
        """Gives the files back."""
        with self._lock:
            for name in ("_places", "_names"):
                # only what is open: the property itself would open it
                if name in self.__dict__:
                    self.__dict__.pop(name).close()
            self.__dict__.pop("_towns", None)

    def _sound(self, work: Callable[[], T]) -> T:
        """The work's result; where a file turns out to be broken, both are made again, once."""
        with self._lock:
            try:
                return work()
            except sqlite3.Error as error:
                _log.warning("the gazetteer in %s is broken (%s): it is made again", self._folder, error)
                self.close()
                forget(self._folder)
            try:
                return work()
            except sqlite3.Error as error:
                raise GroundcastError(f"the gazetteer in {self._folder} cannot be read: {error}") from error

    @cached_property
    def _places(self) -> sqlite3.Connection:
        return open_places(self._folder, self._tell)

    @cached_property
    def _names(self) -> sqlite3.Connection:
        return open_names(self._folder, self._tell)

    @cached_property
    def _towns(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """Numbers [n] of the towns from south to north, and their unit vectors [3, n]."""
        numbers, xyz = self._places.execute("SELECT numbers, xyz FROM points").fetchone()
        return np.frombuffer(numbers, dtype=np.int32), np.frombuffer(xyz, dtype=np.float64).reshape(3, -1)

    # -- names ---------------------------------------------------------------------------------------------------

    def _find(self, text: str, k: int, exact: bool) -> list[Place]:
        readings = self._readings(text)
        # whose words an error quotes: behind a comma stand qualifiers, without one all may be a name
        reading, found = readings[1 if "," in text and readings[1:] else 0], list[Place]()
        for each in readings:
            found = self._ranked(self._named(each.name), each, k)
            if found:
                reading = each
                break
        if exact or len(found) >= k:
            return found
        if not (found or all(reading.holders)):
            unknown = reading.qualifiers[reading.holders.index(frozenset())]
            raise AreaError(
                f"'{unknown}' in place '{text}' is no country, state of the USA or nation of the United Kingdom: "
                "leave it out, or name the country"
            )
        ways: tuple[Callable[[str], dict[int, Matched]], ...] = (self._beginning, self._with_words, self._similar)
        for way in ways:
            if len(found) < k and len(reading.name) > 1:
                more = self._ranked(way(reading.name), reading, k + len(found))
                found += [place for place in more if not any(_same(place, other) for other in found)]
        return found[:k]

    def _readings(self, text: str) -> list[_Reading]:
        """In the order to try: all of it a name, then the last parts, or words, as qualifiers."""
        head, *tail = [part for part in map(normal, text.split(",")) if part]
        readings = [_Reading(normal(text), [], [])]
        if tail:
            readings.append(_Reading(head, tail, [self._qualifier(part) for part in tail]))
            # the larger first, as in an address of the East
            turned = _Reading(tail[-1], [head, *tail[:-1]], [self._qualifier(part) for part in (head, *tail[:-1])])
            return [*readings, turned] if all(turned.holders) else readings
        words = head.split(" ")
        for cut in range(max(1, len(words) - 4), len(words)):
            # the last words as one qualifier (new york), and as one each (illinois us)
            for parts in ([" ".join(words[cut:])], words[cut:]):
                holders = [self._qualifier(part) for part in parts]
                if all(holders):
                    readings.append(_Reading(" ".join(words[:cut]), parts, holders))
        return readings

    def _qualifier(self, name: str) -> frozenset[tuple[str, str]]:
        return frozenset(self._names.execute("SELECT country, admin_code FROM qualifier WHERE normal = ?", (name,)))

    def _named(self, name: str) -> dict[int, Matched]:
        rows = self._names.execute("SELECT place, main FROM name WHERE normal = ?", (name,))
        return {number: "name" if main else "other name" for number, main in rows}

    def _beginning(self, name: str) -> dict[int, Matched]:
        # from the name itself to the name and the last character there is
        rows = self._names.execute(
            "SELECT place FROM name WHERE normal >= ? AND normal < ? LIMIT ?", (name, name + "\U0010ffff", _CANDIDATES)
        )
        return {number: "beginning" for (number,) in rows}

    def _with_words(self, name: str) -> dict[int, Matched]:
        asked = " AND ".join(f'"{word}"' for word in name.split())  # normal names hold no quotes
        rows = self._names.execute("SELECT rowid FROM words WHERE words MATCH ? LIMIT ?", (asked, _CANDIDATES))
        return {number: "words" for (number,) in rows}

    def _similar(self, name: str) -> dict[int, Matched]:
        grams = sorted({name[i : i + 3] for i in range(len(name) - 2)})
        if not grams:
            return {}
        # FTS5's rank: those first that share the most and the rarest three letters
        rows = self._names.execute(
            "SELECT rowid FROM spelling WHERE spelling MATCH ? ORDER BY rank LIMIT ?",
            (" OR ".join(f'"{gram}"' for gram in grams), _CANDIDATES),
        )
        return {number: "similar" for (number,) in rows}

    def _ranked(self, found: dict[int, Matched], reading: _Reading, k: int) -> list[Place]:
        places = self._records(found)
        held = [place for place in places if all(_lies_in(place, holder) for holder in reading.holders)]
        scored = [(_weight(place, reading.name), place) for place in held]
        # a town of that very name is meant before a country that is called so in another language
        named = max((weight for weight, place in scored if place.match == "name" and place.population), default=None)
        if named is not None:
            scored = [
                (min(weight, named - 0.001) if place.kind == "country" and place.match != "name" else weight, place)
                for weight, place in scored
            ]
        best = sorted(scored, key=lambda pair: (-pair[0], pair[1].label, pair[1].lat))
        return [place for weight, place in best if weight > 0][:k]

    def _records(self, found: dict[int, Matched]) -> list[Place]:
        rows: Iterable[Any] = self._rows(
            "SELECT id, kind, place.name, country, country.name, admin, admin_code, lat, lon, population "
            "FROM place JOIN country ON country.code = place.country WHERE id IN",
            list(found),
        )
        return [
            Place(
                kind=kind,
                name=name,
                country=code,
                country_name=country,
                admin=admin,
                admin_code=admin_code,
                lat=lat,
                lon=lon,
                population=population,
                match=found[number],
            )
            for number, kind, name, code, country, admin, admin_code, lat, lon, population in rows
        ]

    def _rows(self, query: str, numbers: Sequence[int]) -> list[Any]:
        rows: list[Any] = []
        for start in range(0, len(numbers), 500):  # SQLite takes a limited number of values
            some = numbers[start : start + 500]
            rows += self._places.execute(f"{query} ({','.join('?' * len(some))})", some)
        return rows

    # -- nearness ------------------------------------------------------------------------------------------------

    def _nearest(self, lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64]) -> list[Nearby]:
        numbers = [self._closest(point) for point in on_sphere(lats, lons)]
        rows = self._rows("SELECT id, name, country, lat, lon FROM place WHERE id IN", sorted(set(numbers)))
        towns = {row[0]: row[1:] for row in rows}
        at = np.array([towns[number][2:] for number in numbers], float)  # [n, 2]
        azimuths, _, metres = _GEOD.inv(at[:, 1], at[:, 0], lons, lats)
        return [
            Nearby(name=towns[number][0], country=towns[number][1], distance_m=float(metre), bearing=wind(azimuth))
            for number, metre, azimuth in zip(numbers, metres, azimuths, strict=True)
        ]

    def _closest(self, point: npt.NDArray[np.float64]) -> int:
        """Number of the town closest to a unit vector [3]: among those of a band of latitudes that is wide enough."""
        numbers, xyz = self._towns
        lat, reach = math.asin(max(-1.0, min(1.0, float(point[2])))), _BAND
        while True:
            south, north = (math.sin(max(-math.pi / 2, min(math.pi / 2, lat + side))) for side in (-reach, reach))
            first, last = np.searchsorted(xyz[2], (south, north), side="left")
            near = xyz[:, first : last + 1]
            apart = ((near - point[:, np.newaxis]) ** 2).sum(axis=0)  # of chords; their dot product would lose metres
            # nothing outside the band is nearer than the band is wide
            if apart.size and (2 * math.asin(min(1.0, math.sqrt(apart.min()) / 2)) <= reach or reach >= math.pi):
                return int(numbers[first + int(apart.argmin())])
            reach *= 3


def _check_name(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise AreaError(f"place '{text[:40]}…' has {len(text):,} characters, and no name has more than {MAX_CHARS}")
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise AreaError(f"place {text[:40]!r} is not valid Unicode: give it as UTF-8")
    if not normal(text):
        raise AreaError(f"place {text[:40]!r} has no letter or digit: give a name, such as 'Banepa, Nepal'")


def _lies_in(place: Place, holder: frozenset[tuple[str, str]]) -> bool:
    """Is it in one of these countries or provinces? A country is in none, so ``Tunis, Tunisia`` is the town."""
    if place.kind == "country":
        return False
    return (place.country, "") in holder or (place.country, place.admin_code) in holder


def _weight(place: Place, name: str) -> float:
    """How likely a place is meant: by people, by main name, or by spelling; 0 or less is none."""
    people = math.log10(place.population + 10) + _OF_KIND.get(place.kind, 0)
    if place.match == "similar":
        likeness = difflib.SequenceMatcher(None, name, normal(place.name)).ratio()
        return 0.0 if likeness < _SIMILAR else likeness + people / 100  # people decide between equal spellings
    main = place.match == "name" or (place.match != "other name" and normal(place.name).startswith(name))
    return people + _MAIN_NAME * main


def _same(one: Place, other: Place) -> bool:
    return (one.kind, one.name, one.country, one.lat, one.lon) == (
        other.kind,
        other.name,
        other.country,
        other.lat,
        other.lon,
    )
