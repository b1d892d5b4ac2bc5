"""Raster files as one source: GeoTIFF, COG, VRT, JPEG 2000; one file, a folder, or a list with dates.

Where files overlap the newest wins, then the first by name; files without a date come last. A file that cannot be
used is a `Problem`, and the others are read. It does not know what a single file looks like inside: `inspection` and
`rasterfile` do.
"""

import hashlib
import logging
import os
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
import shapely
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint
from ingest.sources.bands import UNMEASURED
from ingest.sources.colours import BandFacts
from ingest.sources.rasters.composite import composite
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from ingest.sources.rasters.inspection import open_raster, world_files
from ingest.sources.rasters.rasterfile import RasterFile
from ingest.sources.references import bounds_of
from ingest.sources.source import Chip, Mosaic, Problem, SourceOptions, finish, printable
from trainer.errors import ItemError, SourceError

EXTENSIONS = (".tif", ".tiff", ".vrt", ".jp2", ".j2k", ".img", ".ntf")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_SAMPLED_FILES = 16  # of which one stretch is measured
_OPENERS = 8  # threads that open remote files: each waits for the network

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RasterEntry:
    """One file to read.

    Attributes:
        path: A path or an http(s) URL.
        name: For messages, without secrets.
        acquired_at: As a catalogue says, aware UTC; None: as the file says.
        bands: Paths or URLs of red, green and blue where each is a file of its own; else empty.
        mask: Path of a file that says which pixels can be used, or None.
        told: What a catalogue says of the bands, one each; empty: nothing.
    """

    path: str
    name: str
    acquired_at: datetime | None = None
    bands: tuple[str, ...] = ()
    mask: str | None = None
    told: tuple[BandFacts, ...] = ()


class RasterSource:
    """Georeferenced raster files.

    Args:
        uri: Where they come from: what they name must lie there too.
        entries: The files; in overlaps the newest wins, whatever their order here.
        options: Bands, nodata, scale, dates and attribution.

    Attributes:
        notes: What was chosen because files do not tell.

    Raises:
        SourceError: None of them can be used; it says why.
    """

    def __init__(self, uri: str, entries: Sequence[RasterEntry], options: SourceOptions) -> None:
        self.uri = uri
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        if options.offline and any(
            "/vsicurl/" in _gdal_path(path) for one in entries for path in (one.path, *one.bands)
        ):
            raise SourceError(f"{uri}: nothing is fetched here: this server is read-only")
        bounds = bounds_of(uri, allowed_hosts=options.allowed_hosts, beyond=options.beyond)
        self._pool = HandlePool(bounds=bounds)
        files = sorted(self._open(entries, options), key=_priority)
        self.notes += _notes(files) + _without_date(files, options)
        for note in self.notes:
            log.warning("%s", note.message)
        if not files:
            self.close()
            raise SourceError(_nothing_usable(uri, self.problems))
        try:
            self._files = self._with_stretch(files) if options.scale == "auto" else files
        except ItemError as error:
            self.close()
            raise SourceError(f"{uri}: {error}") from error
        self.attribution = options.attribution or next((f.attribution for f in files if f.attribution), None)
        self.gsd_m = float(np.median([f.gsd_m for f in files]))
        parts = [(i, part) for i, file in enumerate(self._files) for part in shapely.get_parts(file.outline)]
        self._owners = np.array([i for i, _ in parts])
        self._tree = shapely.STRtree([part for _, part in parts])
        self._warn_of_dates()

    @property
    def stretch(self) -> tuple[float, float] | dict[str, tuple[float, float]] | None:
        """Values shown as black and white, of its files of other than 8 bits; by type where those are of several."""
        plans = [file.plan for file in self._files]
        found = {plan.dtype: plan.stretch for plan in plans if plan.stretch is not None and plan.dtype != "uint8"}
        return found if len(found) > 1 else next(iter(found.values()), None)

    def coverage(self) -> BaseGeometry:
        """Where its files lie: degrees, WGS84, split at ±180°."""
        return shapely.union_all([file.outline for file in self._files])

    def fingerprint(self) -> str:
        """A hash of the names, sizes and times of its files and of how they are shown."""
        digest = hashlib.sha256()
        for file in sorted(self._files, key=lambda f: f.name):
            plan = file.plan
            shown = (plan.indexes, plan.nodata, plan.stretch, *([plan.factors] if plan.factors else []))
            digest.update(repr((file.parts, *shown, *([file.mask.parts] if file.mask else []))).encode())
        return digest.hexdigest()[:16]

    def read(self, footprint: Footprint, size_px: int) -> Chip:
        """The pixels of a footprint, from as many files as it takes.

        Raises:
            ItemError: A file there cannot be read.
        """
        canvas = Mosaic(size_px)
        most, best, gsd_m = 0, None, self.gsd_m
        for file in self._at(footprint):
            pixels, covered, local_gsd_m = file.read(self._pool, footprint, size_px)
            gain = canvas.add(pixels, covered)
            if gain > most:
                most, best, gsd_m = gain, file, local_gsd_m
            if canvas.valid.all():
                break
        image = finish(canvas.image, canvas.valid)
        return Chip(image, canvas.valid, best.acquired_at if best else None, gsd_m, best.name if best else "")

    def close(self) -> None:
        """Close every file."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, footprint: Footprint) -> list[RasterFile]:
        """Files that touch a footprint, those to prefer first."""
        if len(self._files) == 1:
            return self._files  # which sees itself whether it does
        found: set[int] = set()
        for part in shapely.get_parts(footprint.polygon):
            found.update(self._owners[self._tree.query(part, predicate="intersects")].tolist())
        return [self._files[i] for i in sorted(found)]

    def _warn_of_dates(self) -> None:
        """Where files of several dates overlap, only the newest is seen: say so before the work, not after."""
        dates = [file.acquired_at for file in self._files]
        mixed: set[datetime] = set()
        for owner, part in zip(self._owners.tolist(), self._tree.geometries, strict=True):
            inner = part.buffer(-1e-3 * part.length)  # neighbours that only touch do not overlap
            others = self._owners[self._tree.query(inner, predicate="intersects")].tolist()
            mixed.update(when for when in (dates[other] for other in others) if when and when != dates[owner])
        if mixed:
            log.warning(
                "%s: files of different dates overlap (%s): each tile shows the newest only; to search them all, "
                "ingest each date into a collection of its own",
                self.uri,
                ", ".join(f"{when:%Y-%m-%d}" for when in sorted(mixed)[:10]),
            )

    def _open(self, entries: Sequence[RasterEntry], options: SourceOptions) -> Iterable[RasterFile]:
        """Look at every file; what cannot be used becomes a problem."""

        def look(entry: RasterEntry) -> RasterFile | Problem:
            try:
                file = self._look(entry, options)
            except ItemError as error:
                return Problem(entry.name, error.reason, str(error))
            return replace(file, acquired_at=options.acquired_at or entry.acquired_at or file.acquired_at)

        remote = any(entry.path.startswith(("http://", "https://")) for entry in entries)
        with warnings.catch_warnings(), ThreadPoolExecutor(_OPENERS if remote else 1) as threads:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is a problem of its own, told as such
            results = list(threads.map(look, entries))
        self.problems += [r for r in results if isinstance(r, Problem)]
        files = [r for r in results if isinstance(r, RasterFile)]
        catalogued = {entry.name for entry in entries if entry.acquired_at is not None}
        alike = _alike([file for file in files if file.name not in catalogued])
        layers = [group for group in alike if _layers(group)]
        self.problems += [_ambiguous(group) for group in layers]
        self.notes += [_undated(group) for group in alike if group[0].acquired_at is None and not _layers(group)]
        doubtful = {file.name for group in layers for file in group}
        self.problems += [problem for r in results if isinstance(r, RasterFile) for problem in r.problems]
        for problem in self.problems:
            log.warning("skipped: %s", problem.message)
        return [file for file in files if file.name not in doubtful]

    def _look(self, entry: RasterEntry, options: SourceOptions) -> RasterFile:
        """An entry's file, with the mask that goes with it.

        Raises:
            ItemError: It cannot be used.
        """
        path = _gdal_path(entry.path)
        if entry.bands:
            try:
                path = composite([_gdal_path(band) for band in entry.bands], self._pool, entry.name)
            except GDAL_ERRORS as error:
                raise ItemError("unreadable", f"{entry.name}: red, green or blue cannot be opened ({error})") from error
        file = open_raster(path, entry.name, self._pool, options, told=entry.told)
        file = file.with_alpha_seen(self._pool, chosen=options.bands is not None)
        if entry.mask is None:
            return file
        mask = open_raster(_gdal_path(entry.mask), entry.mask, self._pool, SourceOptions(), is_mask=True)
        return replace(file, mask=mask)

    def _with_stretch(self, files: list[RasterFile]) -> list[RasterFile]:
        """One stretch for all files of a type that need one; 16 bits and reflectances have none in common."""
        stretches = {}
        for dtype in sorted({f.plan.dtype for f in files if f.plan.stretch == UNMEASURED}):
            alike = [f for f in files if f.plan.stretch == UNMEASURED and f.plan.dtype == dtype]
            spans = [f.plan.span for f in alike if f.plan.span is not None]
            # as a catalogue says of all of them, else as they are
            told = len(spans) == len(alike)
            stretches[dtype] = (min(s[0] for s in spans), max(s[1] for s in spans)) if told else self._measured(alike)
            log.info("%s: %s values %.6g to %.6g are shown from black to white", self.uri, dtype, *stretches[dtype])
        return [f.with_stretch(stretches[f.plan.dtype]) if f.plan.stretch == UNMEASURED else f for f in files]

    def _measured(self, measured: Sequence[RasterFile]) -> tuple[float, float]:
        """From the 2nd to the 98th percentile of some files."""
        chosen = [measured[i] for i in np.unique(np.linspace(0, len(measured) - 1, _SAMPLED_FILES).astype(int))]
        values = []
        for file in chosen:
            try:
                values.append(file.sample(self._pool))
            except (ItemError, *GDAL_ERRORS) as error:  # the tile that is broken will say so itself
                log.warning("no stretch measured from %s: %s", file.name, error)
        sample = np.concatenate(values) if values else np.empty(0)
        low, high = np.percentile(sample, [2, 98]).tolist() if sample.size else (0.0, 1.0)
        return low, high if high > low else low + 1.0  # one value all over: any range shows it


def raster_folder(folder: Path) -> list[RasterEntry]:
    """Every raster below a folder, by name; and every folder that cannot be listed, which will say so.

    Where there is none, pictures that have a world file beside them.
    """
    unlisted: list[str] = []
    walk = os.walk(folder, onerror=lambda error: unlisted.append(error.filename))
    paths = [os.path.join(place, name) for place, _, names in walk for name in names]  # noqa: PTH118 - of many, no Path
    rasters = [path for path in paths if path.lower().endswith(EXTENSIONS) and Path(path).is_file()]
    if not rasters:
        beside = {path.lower() for path in paths}
        rasters = [
            path for path in paths if path.lower().endswith(_PICTURES) and not beside.isdisjoint(world_files(path))
        ]
    return [RasterEntry(path, printable(path)) for path in sorted(rasters) + unlisted]


def _notes(files: Sequence[RasterFile]) -> list[Problem]:
    """What was chosen in files that do not tell, or is not sure, once for all of which the same is to be said."""
    told = [(note, file.name) for file in files for note in (*(("bands", n) for n in file.plan.notes), *file.notes)]
    count = Counter(note for note, _ in told)
    first = dict(reversed(told))
    return [
        Problem(first[note], note[0], f"{first[note]}{f' and {n - 1} more files' if n > 1 else ''}: {note[1]}")
        for note, n in count.items()
    ]


def _alike(files: Sequence[RasterFile]) -> list[list[RasterFile]]:
    """Groups of files that cover the very same ground at the same time, as layers of one scene do."""
    groups: dict[object, list[RasterFile]] = defaultdict(list)
    for file in files:
        # to half a pixel of the coarsest that would still be a layer of the same scene
        west, south, east, north = file.outline.bounds
        size = max(east - west, north - south) / 1000
        corners = tuple(round(value / size) for value in (west, south, east, north)) if size > 0 else file.name
        groups[corners, file.acquired_at].append(file)
    parts = {part for file in files for part, _, _ in file.parts if part != file.path}
    # a VRT beside what it is made of is no other layer
    apart = [[file for file in group if file.path not in parts] for group in groups.values()]
    return [group for group in apart if len(group) > 1]


def _without_date(files: Sequence[RasterFile], options: SourceOptions) -> list[Problem]:
    """One note of all files whose names do not hold a date in the form that was given."""
    lacking = [file.name for file in files if options.date_in_name is not None and file.acquired_at is None]
    if not lacking:
        return []
    which = f"{lacking[0]}: its name" + (f", and those of {len(lacking) - 1} more files," if lacking[1:] else "")
    how = f"no date in the form --date-in-name {options.date_in_name}"
    return [Problem(lacking[0], "no_date_in_name", f"{which} {'hold' if lacking[1:] else 'holds'} {how}: undated")]


def _layers(files: Sequence[RasterFile]) -> bool:
    """Whether files over the same ground may be layers of one scene, not the same layer of several moments."""
    if _date_form(files) is not None:
        return False
    kinds = {(file.plan.dtype, len(file.plan.indexes), file.width, file.height) for file in files}
    folders = {Path(file.name).parent for file in files}
    return len(kinds) > 1 or len(folders) < len(files)


def _date_form(files: Sequence[RasterFile]) -> str | None:
    """How the names of files hold a date each, such as %Y%m%d, or None."""
    for form in ("%Y%m%d", "%Y-%m-%d", "%Y%j"):
        dates = [SourceOptions(date_in_name=form).date_of(Path(file.name).name) for file in files]
        if None not in dates and len(set(dates)) == len(dates):
            return form
    return None


def _ambiguous(files: Sequence[RasterFile]) -> Problem:
    """Why none of some layers is read, and the option that chooses."""
    return Problem(
        files[0].name,
        "ambiguous_layers",
        f"{_listed(files)}, and nothing tells which is the picture: {_choice(files)}give one file as the source",
    )


def _undated(files: Sequence[RasterFile]) -> Problem:
    """What is shown of the same ground at several moments, of which only names or folders tell."""
    form = _date_form(files)
    how = f"--date-in-name {form} reads them" if form else "where they are of different dates, give --date-in-name"
    shown = f"only {Path(min(file.name for file in files)).name}, the first by name, is shown"
    return Problem(files[0].name, "undated", f"{_listed(files)}, and their dates are not known: {shown}; {how}")


def _choice(files: Sequence[RasterFile]) -> str:
    """How to choose one of them by its name, where they have names of their own."""
    own = len({Path(file.name).stem.casefold() for file in files}) == len(files)
    return "choose with --asset and the name of one, or " if own else ""


def _listed(files: Sequence[RasterFile]) -> str:
    folder = os.path.commonpath([Path(file.name).parent for file in files])
    names = ", ".join(os.path.relpath(file.name, folder) for file in files[:10])
    return f"{folder}: {len(files)} files cover the same ground ({names}{' …' if files[10:] else ''})"


def _priority(file: RasterFile) -> tuple[float, str]:
    """Newest first, those without a date last, then by name."""
    return (-file.acquired_at.timestamp() if file.acquired_at else float("inf"), file.name)


def _gdal_path(path: str) -> str:
    return f"/vsicurl/{path}" if re.match(r"https?://", path) else path


def _nothing_usable(uri: str, problems: Sequence[Problem]) -> str:
    if not problems:
        return f"{uri}: no raster file found (looked for {', '.join(EXTENSIONS)})"
    if len(problems) == 1:
        return problems[0].message
    # what could be read if a choice were made comes before what cannot be read at all
    told = sorted(problems, key=lambda problem: problem.reason != "ambiguous_layers")
    first = "; ".join(p.message for p in told[:3])
    more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
    return f"{uri}: nothing of it can be read, for {len(told)} reasons: {first}{more}"
