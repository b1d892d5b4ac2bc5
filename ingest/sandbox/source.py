"""The sandbox planet as an imagery source: `sandbox:` is all of it, `sandbox:NAME` one island.

Pixels are drawn when they are read, in any size. It does not know how: see `overhead.py`.
"""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint
from ingest.sandbox import overhead
from ingest.sandbox.names import towns
from ingest.sandbox.world import World
from ingest.sources.source import Chip, Problem, SourceOptions, finish
from trainer.errors import SourceError, UsageError

SCHEME = "sandbox:"
GSD_M = 1.0
ACQUIRED_AT = {
    True: datetime(2023, 6, 8, 10, 30, tzinfo=UTC),
    False: datetime(2023, 12, 7, 10, 30, tzinfo=UTC),
}  # north?


class SandboxSource:
    """Imagery of the sandbox planet, seed 0; see `ingest.sources.source.Source`.

    Args:
        uri: ``sandbox:`` or ``sandbox:NAME`` of an island.
        options: Of these the date and the credit are heeded.
        world: Another planet than that of seed 0.

    Raises:
        SourceError: There is no island of that name.
    """

    def __init__(self, uri: str, options: SourceOptions | None = None, *, world: World | None = None) -> None:
        options = options or SourceOptions()
        self.uri = uri
        self.gsd_m = GSD_M
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._world = world or planet()
        self._acquired_at = options.acquired_at
        self.attribution: str | None = options.attribution or f"groundcast sandbox planet, seed {self._world.seed}"
        name = uri.removeprefix(SCHEME).strip("/ ").lower()
        try:
            self._islands = (self._world.island(name),) if name else self._world.islands
        except UsageError as error:
            raise SourceError(f"{uri}: {error}; or give {SCHEME} alone for the whole planet") from None

    def coverage(self) -> BaseGeometry:
        """The land in coarse steps: degrees, WGS84."""
        if len(self._islands) == len(self._world.islands):
            return self._world.outline
        return self._world.outline_of(self._islands[0])

    def fingerprint(self) -> str:
        """A hash of the planet's seed, the islands read and the code that draws them."""
        text = f"{self._world.seed} {[island.name for island in self._islands]} {_code()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, footprint: Footprint, size_px: int) -> Chip:
        """The pixels of a footprint, north up; not valid away from the islands of this source and their sea."""
        image, valid = overhead.draw(self._world, footprint, size_px, islands=self._islands)
        island = self._world.island_at(lat=footprint.lat, lon=footprint.lon)
        if island is None or island not in self._islands:
            island = self._islands[0]
        return Chip(
            image=finish(image, valid),
            valid=valid,
            acquired_at=self._acquired_at or ACQUIRED_AT[island.lat > -15],
            gsd_m=GSD_M,
            origin=f"{SCHEME}{island.name}" if valid.any() else "",
        )

    def places(self) -> list[tuple[str, float, float]]:
        """Name, latitude and longitude of the towns on its islands; see `ingest.sources.source.NamesPlaces`."""
        return [place for island in self._islands for place in towns(self._world, island)]

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> "SandboxSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@cache
def planet() -> World:
    """The planet of seed 0, one for the whole process."""
    return World()


@cache
def _code() -> str:
    """A hash of the files that make the land and its picture."""
    folder = Path(__file__).parent
    made_by = [folder / "overhead.py", folder / "world.py", *folder.glob("aerial/*.py"), *folder.glob("land/*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(made_by))).hexdigest()
