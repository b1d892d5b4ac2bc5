"""What is true on the sandbox planet: the probability that a person who looks around in a tile sees a concept.

Two things make it: whether the concept's place is in view from the tile (`World.presence`), and whether the concept is
to be seen there at the moment (`moment.activity`); the ground pictures are drawn from the same product.
"""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.archive.parts import Archive
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.concepts import concept as known
from ingest.sandbox.moment import activity, peak_activity
from ingest.sandbox.world import World
from trainer.errors import ArchiveError, UsageError

Floats = npt.NDArray[np.float32]


def truth(
    world: World,
    *,
    lat: npt.ArrayLike,
    lon: npt.ArrayLike,
    when: datetime | npt.NDArray[np.datetime64] | None = None,
) -> Floats:
    """Probability of every concept in the 480 m tiles centred at places.

    Args:
        lat: Degrees north, [n].
        lon: Degrees east, [n].
        when: Wall-clock time at the place, one or [n]; None: the moment of the year at which the concept is likeliest
            there.

    Returns:
        float32 [n, 45], columns in the order of `concepts.NAMES`.
    """
    lats, lons = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
    presence = world.presence(lat=lats, lon=lons)
    elevation_m = world.elevation_m(lat=lats, lon=lons)
    if when is None:
        return presence * peak_activity(lat=lats, elevation_m=elevation_m)
    moments = np.broadcast_to(np.asarray(when, "datetime64[s]"), lats.shape)
    return presence * activity(lat=lats, lon=lons, elevation_m=elevation_m, when=moments)


def write_truth(path: Path, world: World, archive: Archive, *, concept: str, when: datetime | None) -> Floats:
    """Write tile_id and probability of every tile of a collection as Parquet, whole or not at all.

    Returns:
        The probabilities, float32 [n].

    Raises:
        UsageError: No such concept; or none of the tiles lies on the planet.
        ArchiveError: A part cannot be read, or the disk refuses.
    """
    number = NAMES.index(known(concept).name)
    columns = {name: [archive.column(part, name) for part in archive.parts()] for name in ("tile_id", "lat", "lon")}
    # no part at all: there must be something to join
    ids, lat, lon = (np.concatenate([c.to_numpy(zero_copy_only=False) for c in v] or [[]]) for v in columns.values())
    if not len(ids) or not world.is_land(lat=lat.astype(float), lon=lon.astype(float)).any():
        raise UsageError("none of the collection's tiles lies on the sandbox planet: ingest the source sandbox: first")
    probability = truth(world, lat=lat, lon=lon, when=when)[:, number]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(pa.table({"tile_id": pa.array(ids, pa.string()), "probability": probability}), part)
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error
    return probability
