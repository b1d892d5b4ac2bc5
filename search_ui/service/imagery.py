"""The pictures behind collections: chips of tiles, photos of galleries, and imagery as Web-Mercator tiles.

All are cut when they are asked for, from the source that the collection was made from, as WebP, and kept in a cache on
the disk. Where no job asked for imagery nothing is read: a server of tiles would have to fetch it. It does not know
scores, questions or HTTP.
"""

import hashlib
import io
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import diskcache
import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image
from shapely.geometry.base import BaseGeometry

from ingest.catalog.catalog import Catalog, Collection, Job
from ingest.catalog.foreign import IMPORTED
from ingest.geo.geometry import Footprint, buffer_m
from ingest.index.protocol import touching
from ingest.jobs.items import ChipIntake, GridIntake, Intake
from ingest.jobs.request import Request
from ingest.settings import Settings
from ingest.sources.picture import read_picture
from ingest.sources.source import Chip
from search_ui.maps.mercator import TILE_PX, MercatorCanvas, square_over, tile_canvas
from search_ui.search.recent import Recent
from search_ui.service.answers import MAX_PX, MIN_PX
from trainer.errors import ItemError, MissingError, SourceError, UsageError

MAX_READ_PX = 768
"""Side of what is read for one Web-Mercator tile; beyond it, near the poles of very large tiles, pixels are coarser."""
DIRECT_ZOOM = 4  # a tile of less is more than 2,500 km wide, too far round the globe for a square on the ground
MAX_GATHERED = 64
MAX_CHIPS = 64  # of a folder of chips, in one Web-Mercator tile; of more, the first so many are drawn
MAX_LAID = 2_000  # tiles of a collection on one canvas
_QUALITY = 85
_SECONDS = 0.5  # for so long the catalog is not asked again for the jobs of a collection: a map asks for many tiles

Rgba = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Opened:
    """The open imagery of a collection.

    Attributes:
        job: Id of the job that says how it is read.
        intake: Its items.
        fingerprint: Changes when its files do.
        asked: The areas that jobs asked for, WGS84 degrees; None: all of it.
    """

    job: str
    intake: Intake
    fingerprint: str
    asked: BaseGeometry | None

    @cached_property
    def where(self) -> BaseGeometry:
        """Where there is imagery that jobs asked for, WGS84 degrees."""
        if not isinstance(self.intake, GridIntake | ChipIntake):
            return shapely.Point()
        coverage = self.intake.source.coverage()
        found = coverage if self.asked is None else coverage.intersection(self.asked)
        shapely.prepare(found)
        return found

    @cached_property
    def shown(self) -> BaseGeometry:
        """The same with the whole of each tile that touches it, as a model saw it, WGS84 degrees."""
        if not isinstance(self.intake, GridIntake):
            return self.where
        found = buffer_m(self.where, 1.5 * self.intake.grid.size_m)  # a tile's diagonal is shorter
        shapely.prepare(found)
        return found


class Imagery:
    """Pictures of the collections of one home. May be used from several threads.

    Args:
        settings: Of the home: the folders of both caches, and their size.
        catalog: The open catalog; its last job says how the imagery was read.
        offline: Nothing is fetched from elsewhere: what lies there is shown as far as it was kept.
    """

    def __init__(self, settings: Settings, catalog: Catalog, *, offline: bool = False) -> None:
        self._settings, self._catalog, self._offline = settings, catalog, offline
        self._cache = diskcache.Cache(
            str(settings.cache_dir / "pictures"),
            size_limit=settings.tile_cache_bytes,
            eviction_policy="least-recently-used",
        )
        self._jobs: Recent[list[Job]] = Recent(64, seconds=_SECONDS)
        self._open: dict[str, _Opened] = {}  # by collection
        self._opening: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def close(self) -> None:
        """Closes the open imagery and the cache."""
        for opened in self._open.values():
            opened.intake.close()
        self._open.clear()
        self._cache.close()

    def chip(self, collection: Collection, tile_id: str, px: int) -> bytes:
        """The picture of a tile as WebP, north up, `px` on each side; transparent where there is no imagery.

        Raises:
            MissingError: There is no such tile.
            SourceError: The imagery cannot be opened any more.
            ItemError: Its pixels cannot be read.
        """
        _check_px(px)
        opened = self._opened(collection)

        def cut() -> bytes:
            chip = _read(opened, tile_id, px, collection.name)
            return _webp(np.dstack([chip.image, chip.valid.astype(np.uint8) * 255]))

        # with the imagery's fingerprint: what was cut from other files is not shown as these
        return self._kept(("chip", collection.name, opened.fingerprint, tile_id, px), cut)

    def photo(self, path: Path, px: int) -> bytes:
        """A ground photo as WebP, upright, at most `px` along its longer side.

        Raises:
            ItemError: The file cannot be read.
        """
        _check_px(px)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError as error:
            raise ItemError("missing", f"'{path.name}' is not where its gallery says: {error.strerror}") from error

        # with the time of change: a photo that was replaced shows anew
        def scaled() -> bytes:
            picture = Image.fromarray(read_picture(path))
            picture.thumbnail((px, px), Image.Resampling.LANCZOS)
            return _webp(np.asarray(picture))

        return self._kept(("photo", str(path), stamp, px), scaled)

    def tile(self, collection: Collection, z: int, x: int, y: int) -> bytes:
        """A Web-Mercator tile of 256 pixels as WebP, transparent where there is no imagery or none was asked for.

        Raises:
            UsageError: There is no such tile.
            SourceError: The imagery cannot be opened any more.
            ItemError: Its pixels cannot be read.
        """
        canvas = tile_canvas(z, x, y)
        opened = self._opened(collection)
        if not opened.shown.intersects(_box(canvas)):
            return _NOTHING  # and it is not kept: there are more addresses than room

        def cut() -> bytes:
            return _webp(
                _cut(opened.intake, canvas) if z >= DIRECT_ZOOM else self._gathered(collection, opened, z, x, y)
            )

        return self._kept(("tile", collection.name, opened.fingerprint, z, x, y), cut)

    def on(self, collection: Collection, canvas: MercatorCanvas, tiles: Mapping[str, Footprint]) -> Rgba:
        """The imagery on a canvas, uint8 [height, width, 4]; transparent where there is none. It is not kept.

        Args:
            collection: Whose imagery.
            canvas: Where its pixels lie.
            tiles: Tiles of the collection by id: they are laid one by one where the whole cannot be read at once, such
                as of a pyramid without its coarse levels; at most `MAX_LAID` of them.

        Raises:
            MissingError: No job says how the imagery is read.
            SourceError: The imagery cannot be opened any more.
            ItemError: Its pixels cannot be read.
        """
        opened = self._opened(collection)
        try:
            return _cut(opened.intake, canvas)
        except (ItemError, SourceError):
            if not 0 < len(tiles) <= MAX_LAID:
                raise
        whole = np.zeros((canvas.height, canvas.width, 4), np.uint8)
        _, x, y = square_over(canvas)
        for tile_id, place in tiles.items():
            px = max(MIN_PX, min(MAX_READ_PX, round(place.size_m / canvas.pixel_m)))
            dx, dy = _centre_of(place.lat, place.lon, canvas, x, y)
            _lay(whole, _read(opened, tile_id, px, collection.name), place.size_m, x - dx, y - dy)
        return whole

    def _kept(self, key: tuple[object, ...], make: Callable[[], bytes]) -> bytes:
        """A picture from the disk, or made and kept there."""
        # what is cut offline may lack what a server would have: it is kept as that
        for one in (key, (*key, "offline"))[: 1 + self._offline]:
            known: bytes | None = self._cache.get(one)
            if known is not None:
                return known
        made = make()
        self._cache.set((*key, "offline") if self._offline else key, made)
        return made

    def _gathered(self, collection: Collection, opened: _Opened, z: int, x: int, y: int) -> Rgba:
        """A tile that shows more than a square on the ground can: made of those of `DIRECT_ZOOM`, uint8 [256, 256, 4].

        Nothing is shown where imagery lies on more than `MAX_GATHERED` of them: nobody could wait for it.
        """
        times = 1 << (DIRECT_ZOOM - z)
        whole, side = Image.new("RGBA", (TILE_PX, TILE_PX)), TILE_PX // times
        below = [(x * times + i, y * times + j, i, j) for i in range(times) for j in range(times)]
        # counted before any is cut
        touched = [one for one in below if opened.shown.intersects(_box(tile_canvas(DIRECT_ZOOM, one[0], one[1])))]
        for column, row, i, j in touched if len(touched) <= MAX_GATHERED else ():
            with Image.open(io.BytesIO(self.tile(collection, DIRECT_ZOOM, column, row))) as tile:
                small = tile.convert("RGBA").resize((side, side), Image.Resampling.BOX)
            whole.paste(small, (i * side, j * side))
        return np.array(whole)

    def fingerprint(self, collection: Collection) -> str:
        """A text that changes when the imagery's files do, or with the job that reads them."""
        return self._opened(collection).fingerprint

    def _opened(self, collection: Collection) -> _Opened:
        """The open imagery of a collection, as its last job read it."""
        every = self._jobs.get(collection.name, lambda: self._catalog.jobs(collection.name))
        jobs = [job for job in every if "kind" in job.spec]  # else it was recovered
        if not jobs and IMPORTED in collection.spec:
            raise MissingError(
                f"the vectors of collection {collection.name!r} were brought, and no imagery: no picture"
            )
        if not jobs:
            raise MissingError(
                f"collection {collection.name!r} has no job that says how its imagery is read: run `groundcast ingest`"
            )
        # by collection: a slow source holds nobody up who looks at another
        with self._opening[collection.name]:
            known = self._open.get(collection.name)
            if known is None or known.job != jobs[-1].id:
                request = Request.from_json(jobs[-1].spec)
                intake = request.open(input_px=MAX_PX, reading=self._settings.reading(offline=self._offline))
                told = f"{jobs[-1].id} {intake.fingerprint()}"
                fingerprint = hashlib.sha256(told.encode()).hexdigest()[:16]
                known = _Opened(jobs[-1].id, intake, fingerprint, _asked_for(jobs))
                self._open[collection.name] = known  # the one before may still be read: it closes when it is let go of
            return known


def _asked_for(jobs: list[Job]) -> BaseGeometry | None:
    """The areas of all jobs that read what the last one reads, WGS84 degrees; None: one of them asked for all of it."""
    areas = [Request.from_json(job.spec).area for job in jobs if job.source == jobs[-1].source]
    return None if None in areas else shapely.union_all([area for area in areas if area is not None])


def _read(opened: _Opened, tile_id: str, px: int, collection: str) -> Chip:
    intake = opened.intake
    try:
        if isinstance(intake, GridIntake):
            footprint = intake.grid.tile(tile_id).footprint
            if not opened.where.intersects(footprint.polygon):
                raise MissingError(f"collection {collection!r} has no tile {tile_id!r}: none was asked for there")
            return intake.source.read(footprint, px)
        if isinstance(intake, ChipIntake):
            return intake.source.read_item(tile_id, px)
    except UsageError as error:  # an id of another grid
        raise MissingError(str(error)) from error
    except ItemError as error:
        if error.reason == "missing":
            raise MissingError(str(error)) from error
        raise
    raise SourceError(f"collection {collection!r} is a gallery: its pictures are photos")


def _cut(intake: Intake, canvas: MercatorCanvas) -> Rgba:
    """The pixels of a canvas, uint8 [h, w, 4]."""
    whole = np.zeros((canvas.height, canvas.width, 4), np.uint8)
    square, x, y = square_over(canvas)
    here = _box(canvas)
    if isinstance(intake, ChipIntake):
        # chips have no order and no levels: each that touches is laid, at about the pixel's size on the ground
        items, places = intake.source.items(), intake.source.places()
        touched = np.flatnonzero(touching(here, places.lat, places.lon, places.size_m))
        for item in (items[row] for row in touched[:MAX_CHIPS]):
            px = max(MIN_PX, min(MAX_READ_PX, round(item.size_m / canvas.pixel_m)))
            dx, dy = _centre_of(item.footprint.lat, item.footprint.lon, canvas, x, y)
            _lay(whole, intake.source.read_item(item.id, px), item.size_m, x - dx, y - dy)
    elif isinstance(intake, GridIntake):
        px = min(MAX_READ_PX, int(np.ceil(square.size_m / canvas.pixel_m)))
        _lay(whole, intake.source.read(square, px), square.size_m, x, y)
    return whole


def _box(canvas: MercatorCanvas) -> BaseGeometry:
    return shapely.box(*canvas.bounds)


def _centre_of(
    lat: float, lon: float, canvas: MercatorCanvas, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Where a place lies in the metres of a canvas's square, from the pixel nearest to it and the pixels' spacing."""
    column, row = canvas.to_pixels(lat=lat, lon=lon)
    # from 1 on, for the spacing is taken to the pixel before; a centre outside the canvas is reached from its edge
    i, j = (min(max(int(v), 1), n - 1) for v, n in ((row, canvas.height), (column, canvas.width)))
    down, right = float(row) - 0.5 - i, float(column) - 0.5 - j
    return (
        float(x[i, j] + right * (x[i, j] - x[i, j - 1]) + down * (x[i, j] - x[i - 1, j])),
        float(y[i, j] + right * (y[i, j] - y[i, j - 1]) + down * (y[i, j] - y[i - 1, j])),
    )


def _lay(whole: Rgba, chip: Chip, size_m: float, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
    """Lay a square picture over pixels that lie x, y metres from its centre, where there is none yet."""
    px = chip.valid.shape[0]
    # metres from the centre to pixels of the chip; OpenCV counts from the middle of the first pixel, hence − ½
    columns = ((x / size_m + 0.5) * px - 0.5).astype(np.float32)
    rows = ((0.5 - y / size_m) * px - 0.5).astype(np.float32)
    colours = cv2.remap(chip.image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = cv2.remap(chip.valid.astype(np.uint8), columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    # of chips that overlap the first stays: always the same one, for the source's order is
    new = (np.asarray(valid) > 0) & (whole[..., 3] == 0)
    whole[new, :3] = np.asarray(colours)[new]
    whole[new, 3] = 255


def _webp(pixels: Rgba) -> bytes:
    out = io.BytesIO()
    # a picture that is whole needs no alpha channel: a smaller file
    everything = pixels.shape[2] == 4 and bool((pixels[..., 3] == 255).all())
    Image.fromarray(pixels[..., :3] if everything else pixels).save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


_NOTHING = _webp(np.zeros((TILE_PX, TILE_PX, 4), np.uint8))


def _check_px(px: int) -> None:
    if not MIN_PX <= px <= MAX_PX:
        raise UsageError(f"px = {px}: a picture has {MIN_PX} to {MAX_PX} pixels on a side")
