"""What every imagery source has in common: its interface, its options, and the chip it returns.

It does not know formats, models or collections. Pixels without imagery are mid-grey (`FILL`), the same in all sources.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint
from trainer.errors import SourceError, UsageError

FILL = 128  # grey of pixels without imagery: near the mean of every model's training images
Image8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

log = logging.getLogger(__name__)

# What strptime's fields look like inside a longer name.
_DATE_FIELDS = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "j": r"\d{3}", "H": r"\d{2}", "M": r"\d{2}",
    "S": r"\d{2}", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+", "f": r"\d{1,6}", "z": r"Z|[+-]\d{4}", "%": "%",
}  # fmt: skip


@dataclass(frozen=True)
class Chip:
    """Pixels of one footprint.

    Attributes:
        image: uint8 [px, px, 3], RGB, north up; `FILL` where not valid.
        valid: bool [px, px], where there is imagery.
        acquired_at: When the imagery was taken, aware UTC: of the file that gave most pixels; None if unknown.
        gsd_m: Native ground sample distance there, metres on the ground.
        origin: The file or tile that gave most pixels; empty where there is no imagery.
    """

    image: Image8
    valid: Mask
    acquired_at: datetime | None
    gsd_m: float
    origin: str


@dataclass(frozen=True)
class Problem:
    """A file that cannot be used, while the rest of its source can; or what was chosen in one that is.

    Attributes:
        subject: Its path or URL.
        reason: A short stable code: empty, truncated, no_crs, not_a_raster, ...
        message: What is wrong or was chosen, and what to do.
    """

    subject: str
    reason: str
    message: str


def by_reason(notes: Iterable[Problem]) -> list[str]:
    """One sentence a reason, and how often it holds: of a folder of scenes the same is to be said of each."""
    first: dict[str, str] = {}
    count: Counter[str] = Counter()
    for note in notes:
        first.setdefault(note.reason, note.message)
        count[note.reason] += 1
    more = {reason: f" (and {count[reason] - 1} more of this kind)" if count[reason] > 1 else "" for reason in first}
    return [message + more[reason] for reason, message in first.items()]


@dataclass(frozen=True)
class SourceOptions:
    """How to read imagery whose files do not say it themselves.

    Attributes:
        bands: Bands (from 1) to show as red, green and blue.
        nodata: Value of pixels without imagery, where files do not declare it.
        acquired_at: When all of it was taken, aware.
        date_in_name: A strptime format found in file names, such as ``%Y%m%d``.
        scale: Values shown as black and white, for other than 8-bit files; ``auto``: their 2nd and 98th percentile.
        asset: Name of the asset of STAC items, or of the layer of a scene's folder, to read instead of what fits.
        zoom: Zoom level of a tile pyramid to read, instead of the one that fits.
        tms: Rows of a tile pyramid count from the south.
        attribution: The credit to show.
        rate_per_s: Requests a second to one host, at most.
        timeout_s: Seconds without an answer after which a request has failed.
        retries: How often a request that failed is repeated.
        missing_403: A tile server answers 403 for tiles that it lacks.
        cache_dir: Folder for tiles read over HTTP; None: no cache.
        cache_bytes: How much of them is kept there.
        offline: Nothing is fetched: what is not kept in that folder is not there.
        allowed_hosts: Of a source that came through the app: the hosts that may be read, as in
            `ingest.sources.allowed_hosts`; None: any, the source was given by who runs the program.
        beyond: Hosts and folders that the settings name: files of the source may lead there, see
            `ingest.sources.references`. As they are now, so no job keeps them.
    """

    bands: tuple[int, int, int] | None = None
    nodata: float | None = None
    acquired_at: datetime | None = None
    date_in_name: str | None = None
    scale: Literal["auto"] | tuple[float, float] = "auto"
    asset: str | None = None
    zoom: int | None = None
    tms: bool = False
    attribution: str | None = None
    rate_per_s: float = 10.0
    timeout_s: float = 20.0
    retries: int = 4
    missing_403: bool = False
    cache_dir: Path | None = None
    cache_bytes: int = 4 * 2**30
    offline: bool = False
    allowed_hosts: tuple[str, ...] | None = None
    beyond: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.bands is not None and (len(self.bands) != 3 or min(self.bands) < 1):
            raise UsageError(f"bands {self.bands}: give three band numbers, counted from 1, such as 3,2,1")
        if self.acquired_at is not None and self.acquired_at.tzinfo is None:
            raise UsageError(f"acquired_at {self.acquired_at}: give its time zone, such as …T10:30:00Z")
        if self.scale != "auto" and not self.scale[0] < self.scale[1]:
            raise UsageError(f"scale {self.scale}: the value shown as black must be below that shown as white")
        if not (self.rate_per_s > 0 and self.timeout_s > 0):
            raise UsageError(f"rate {self.rate_per_s}/s, timeout {self.timeout_s} s: both must be above 0")
        if self.date_in_name is not None:
            _date_pattern(self.date_in_name)

    def date_of(self, name: str) -> datetime | None:
        """When the file of a name was taken: the given date, else the one in its name, else None; aware UTC."""
        if self.acquired_at is not None:
            return self.acquired_at.astimezone(UTC)
        if self.date_in_name is None:
            return None
        pattern = _date_pattern(self.date_in_name)
        for regex in (
            rf"(?<!\d)(?=({pattern})(?!\d))",
            f"(?=({pattern}))",
        ):  # a number of its own, else inside a longer one
            for match in re.finditer(regex, name):
                found = _parse_date(match[1], self.date_in_name)
                if found is not None:
                    return found
        return None


def _parse_date(text: str, form: str) -> datetime | None:
    """A moment in UTC, or None for digits that are no date of the years there is imagery of."""
    try:
        found = datetime.strptime(text, form)
    except ValueError:
        return None
    if not 1900 <= found.year <= 2100:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _date_pattern(form: str) -> str:
    """A regular expression that finds a strptime format in a name."""
    pattern, rest = "", form
    while rest:
        field = rest[1:2] if rest[0] == "%" else ""
        if field and field not in _DATE_FIELDS:
            raise UsageError(f"date format {form!r}: %{field} is not understood, only %{' %'.join(_DATE_FIELDS)}")
        pattern += _DATE_FIELDS[field] if field else re.escape(rest[0])
        rest = rest[2 if field else 1 :]
    return pattern


class Source(Protocol):
    """Imagery that can be read by place, from several threads at once.

    Attributes:
        uri: Where it comes from, without secrets.
        attribution: The credit to show, if known.
        gsd_m: Its typical native ground sample distance, metres.
        problems: Files of it that cannot be used.
        notes: What was chosen where files do not tell.
    """

    uri: str
    attribution: str | None
    gsd_m: float
    problems: list[Problem]
    notes: list[Problem]

    def coverage(self) -> BaseGeometry:
        """Where imagery is: degrees, WGS84, split at ±180°."""

    def fingerprint(self) -> str:
        """A hash that changes when the files change (names, sizes, times); cheap."""

    def read(self, footprint: Footprint, size_px: int) -> Chip:
        """The pixels of a footprint, north up; wholly invalid where there is no imagery.

        Raises:
            ItemError: Pixels there cannot be read or decoded.
        """

    def close(self) -> None:
        """Close every file."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def path_of(text: str) -> Path:
    """A path, ``~`` written out.

    Raises:
        SourceError: There is no user of that name.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SourceError(f"{printable(text)}: {error}: write the path without ~") from error


def printable(name: str) -> str:
    """A file's name as it can be shown and stored: bytes that are not UTF-8 as \\xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def finish(image: Image8, valid: Mask) -> Image8:
    """The image with `FILL` where it is not valid; in place."""
    if not valid.all():
        np.copyto(image, FILL, where=~valid[..., None])
    return image


class Mosaic:
    """Pixels put together from several readings, the first valid one of each pixel.

    Args:
        size_px: Side of the square, pixels.
    """

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px
        self._image: Image8 | None = None
        self._valid: Mask | None = None

    @property
    def image(self) -> Image8:
        """uint8 [px, px, 3]."""
        return np.zeros((self._size_px, self._size_px, 3), np.uint8) if self._image is None else self._image

    @property
    def valid(self) -> Mask:
        """bool [px, px]."""
        return np.zeros((self._size_px, self._size_px), bool) if self._valid is None else self._valid

    def add(self, pixels: Image8, covered: Mask) -> int:
        """Put pixels where there are none yet; returns how many. The arrays belong to the canvas from then on."""
        if self._image is None or self._valid is None:
            self._image, self._valid = pixels, covered
            return int(np.count_nonzero(covered))
        new = covered & ~self._valid
        np.copyto(self._image, pixels, where=new[..., None])
        self._valid = self._valid | covered
        return int(np.count_nonzero(new))


@runtime_checkable
class NamesPlaces(Protocol):
    """A source that knows the names of places better than the gazetteer of the Earth."""

    def places(self) -> list[tuple[str, float, float]]:
        """Name, latitude and longitude in degrees."""
