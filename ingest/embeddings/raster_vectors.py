"""Rasters of vectors as one source: the tiles of a grid over them, each the mean of its pixels.

The mean is of the vectors as floats, over the pixels whose middles lie in the tile, of all files together. Unit vectors
get shorter by it the more they differ; directions are what is compared.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import shapely

from ingest.embeddings.brought import NamedRows, RowBlock
from ingest.embeddings.dates import parse_moment_utc
from ingest.embeddings.listing import Listing
from ingest.embeddings.options import ImportOptions, refuse_others, refuse_rule
from ingest.embeddings.quantised import ALPHA_EARTH, NO_DATA, SEAMLESS, Rule
from ingest.embeddings.rows import not_kept, why
from ingest.geo.grid import Tile
from ingest.sources.rasters.handles import HandlePool
from ingest.sources.rasters.vectors import PixelVectors, VectorRaster
from trainer.errors import ItemError, ModelMismatchError, SourceError, UsageError

MIN_VALID = 0.5  # share of a tile's pixels, as of an ingest
_YEAR = re.compile(r"(?:^|[^0-9])((?:19|20)\d\d)(?![0-9])")
_YEARLY = ("AlphaEarth raster", "Tessera raster", "Embedded Seamless Data")
_LEAST_BANDS = 16  # of fewer it is a picture
_OF_TABLES = ("vector_column", "id_column", "date_column", "crs")

Floats = npt.NDArray[np.float32]


class RasterVectors:
    """The tiles of a grid over some rasters; see `VectorSource`.

    Args:
        listing: The files, local ones.
        options: What a person says of them.

    Raises:
        SourceError: A file cannot be used; the message says which and why.
        ModelMismatchError: They are of several models, years, or of vectors of several lengths.
        UsageError: Pixels are larger than tiles, or an option means nothing to rasters.
    """

    def __init__(self, listing: Listing, options: ImportOptions) -> None:
        refuse_others(options, "rasters, which have no columns and say where they lie", _OF_TABLES)
        self.uri, self.stamp, self._options = listing.uri, listing.stamp, options
        self._pool = HandlePool()
        self._files = [
            VectorRaster(_gdal_path(path, name), name, self._pool)
            for path, name in zip(listing.files, listing.names, strict=True)
        ]
        first = self._files[0]
        self.layout, named, self._rule = self._layout(first, listing)
        self.model = options.model_name or listing.model or named
        self.model_id = None
        self.attribution = None
        self.makes_ids = False  # a tile of the grid is the same one, whatever raster covers it
        self.dim = first.dim * (len(self._rule.levels) if self._rule is not None and self._rule.levels else 1)
        self._check(listing)
        self._outlines = [file.coverage for file in self._files]
        self._tree = shapely.STRtree(self._outlines)
        self._area = shapely.union_all(self._outlines)
        self.grid = options.grid
        coarsest = max(file.pixel_m for file in self._files)
        if coarsest > self.grid.size_m:
            raise UsageError(
                f"{listing.uri}: pixels are {coarsest:,.0f} m wide, tiles of {self.grid.size_m:,.0f} m hold none: pass "
                "--tile-size-m"
            )
        self.rows = self.grid.count(self._area)
        self.date: datetime | None = None
        date = options.acquired_at or listing.date
        if date is not None:
            self.date = parse_moment_utc(date)
        self.said = self._say(first, coarsest)

    def _layout(self, file: VectorRaster, listing: Listing) -> tuple[str, str | None, Rule | None]:
        """What the rasters are, what made them, and how whole numbers become floats.

        Raises:
            SourceError: It is a picture, or whole numbers that nothing says the meaning of.
        """
        whole = file.dtype.kind in "iu"
        refuse_rule(self._options, file.name, whole=whole)
        given = self._options.rule or (listing.rule if whole else None)
        base = PurePosixPath(file.name).name
        if base.startswith("SDC30_EBD_") and whole:
            return "Embedded Seamless Data", "ESDNet", given or SEAMLESS
        if file.dim < _LEAST_BANDS:
            raise SourceError(
                f"{file.name}: {file.dim} bands are a picture, not vectors: `groundcast ingest` reads imagery"
            )
        if file.dim == 64 and file.dtype == np.int8 and (file.no_data == NO_DATA or file.bands[:1] == ("A00",)):
            return "AlphaEarth raster", "AlphaEarth Foundations", given or ALPHA_EARTH
        if file.dim == 64 and file.bands[:1] == ("A00",):
            return "AlphaEarth raster", "AlphaEarth Foundations", given
        if file.dim == 128 and base.startswith("grid_"):
            if whole and not base.endswith(".npy") and given is None:
                raise SourceError(f"{file.name}: whole numbers without their scales: fetch the .npy files, or GeoTIFF")
            return "Tessera raster", "Tessera", given
        if given is None and file.scales:
            given = Rule(scale=file.scales, offset=file.offsets)
        if whole and given is None:
            raise SourceError(
                f"{file.name}: its {file.dim} bands are whole numbers, and nothing says what they stand for: pass "
                "--scale and --offset"
            )
        return "raster of vectors", None, given

    def _check(self, listing: Listing) -> None:
        first = self._files[0]
        told = self._layout(first, listing)
        for file in self._files[1:]:
            if (file.dim, file.dtype) != (first.dim, first.dtype) or self._layout(file, listing) != told:
                raise ModelMismatchError(
                    f"{file.name}: {file.dim} bands of {file.dtype}, {first.name} has {first.dim} of {first.dtype}, or "
                    "what their numbers stand for differs: import each into a collection of its own"
                )
        self.year: str | None = None
        if self.layout in _YEARLY:
            found = (_year(file.name, path) for file, path in zip(self._files, listing.files, strict=True))
            years = sorted({year for year in found if year is not None})
            if len(years) > 1:
                raise ModelMismatchError(
                    f"{listing.uri}: files of the years {', '.join(years)}: a tile has one vector, import each year "
                    "into a collection of its own"
                )
            self.year = years[0] if years else None

    def _say(self, first: VectorRaster, coarsest: float) -> list[str]:
        when = f"all of {self.date:%Y-%m-%d}" if self.date else "no dates"
        said = [
            f"read as {self.layout}: {first.dim} bands of {first.dtype}, {self.dim:,} numbers, pixels of "
            f"{coarsest:.3g} m, the mean of each tile of {self.grid.size_m:g} m, {when}"
        ]
        if self._rule is not None:
            said.append(f"{'whole ' if first.dtype.kind in 'iu' else ''}numbers x read as {self._rule}")
        if self.year and not self.date:
            said.append(f"made of the year {self.year}, which is no date of one image: --acquired-at gives tiles one")
        return said

    def names(self, size: int) -> Iterator[NamedRows]:
        """Tiles from the south, row by row; see `VectorSource`."""
        tiles = self.grid.tiles(self._area)
        while some := [tile.id for tile in islice(tiles, size)]:
            yield NamedRows(some, some)

    def read(self, number: int, size: int, wanted: Sequence[str]) -> RowBlock:  # noqa: ARG002 - ids say where they are
        """Tiles by their ids; see `VectorSource`."""
        tiles: list[Tile] = []
        vectors: list[Floats] = []
        shares, failures, no_data = [], [], 0
        for name in wanted:
            try:
                tile = self.grid.tile(name)
                mean, share = self._mean(tile)
            except (ItemError, UsageError) as error:
                failures.append((name, getattr(error, "reason", "bad_id"), str(error)))
                continue
            if mean is None or share < MIN_VALID:
                no_data += 1
            elif (reason := not_kept(mean[None])[0]) is not None:
                failures.append((name, reason, f"{name}: {why(reason)}"))
            else:
                tiles.append(tile)
                vectors.append(mean)
                shares.append(share)
        n = len(tiles)
        columns = {
            "tile_id": [tile.id for tile in tiles],
            "lat": np.array([tile.lat for tile in tiles], np.float64),
            "lon": np.array([tile.lon for tile in tiles], np.float64),
            "size_m": np.full(n, self.grid.size_m),
            "acquired_at": [self.date] * n,
            "gsd_m": np.full(n, max(file.pixel_m for file in self._files), np.float32),
            "valid_fraction": np.array(shares, np.float32),
            "origin": [self.uri] * n,
        }
        left_out = {"no_data": no_data} if no_data else {}
        return RowBlock(columns, np.array(vectors, np.float32).reshape(n, self.dim), left_out, failures)

    def _mean(self, tile: Tile) -> tuple[Floats | None, float]:
        """The mean of a tile's pixels in all files, and the share of them that have one."""
        total, count, seen = np.zeros(self.dim), 0, 0
        expected = 0.0
        for index in np.sort(self._tree.query(tile.footprint.polygon, predicate="intersects")).tolist():
            file = self._files[index]
            pixels = file.within(tile.footprint)
            values = self._floats(pixels)
            good = pixels.valid & np.isfinite(values).all(axis=1)
            total += values[good].sum(axis=0, dtype=np.float64)
            count += int(good.sum())
            seen += len(good)
            expected = max(expected, (tile.footprint.size_m / file.pixel_m) ** 2)
        if not count:
            return None, 0.0
        # pixels beyond the edges of all files are missing too
        return (total / count).astype(np.float32), min(1.0, count / max(seen, expected))

    def _floats(self, pixels: PixelVectors) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            values = pixels.stored.astype(np.float32) if self._rule is None else self._rule.floats(pixels.stored)
            return values if pixels.scales is None else values * pixels.scales

    def close(self) -> None:
        """Closes the files."""
        self._pool.close()


def _gdal_path(path: object, name: str) -> str:
    if not isinstance(path, Path):
        raise SourceError(f"{name}: rasters of vectors are read from this machine alone: fetch it first")
    return str(path)


def _year(name: str, path: object) -> str | None:
    """The year that a file is of, by its name or that of a folder above it."""
    for part in reversed([*PurePosixPath(str(path)).parts[-4:-1], PurePosixPath(name).name]):
        found = _YEAR.findall(part)
        if found:
            return str(found[-1])
    return None
