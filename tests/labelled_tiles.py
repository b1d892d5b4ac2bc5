"""A small collection for tests of labels: a square of tiles whose vectors are known."""

from pathlib import Path

import numpy as np

from ingest.archive.parts import Archive
from ingest.field.scorer import ExactScorer, open_scorer
from ingest.geo.grid import Grid

SIDE = 12
DIM = 8
GRID = Grid(480, 480)


def small_field(folder: Path, lat: float = 43.0, lon: float = -165.0, size_m: float = 480.0) -> ExactScorer:
    """`SIDE` × `SIDE` neighbouring tiles round a place; the first number of a vector grows to the east."""
    step = 0.00431 * size_m / 480
    grid = Grid(size_m, size_m)
    found = {}
    for up in range(SIDE):
        for along in range(SIDE):
            tile = grid.tile_at(
                lat=lat + up * step, lon=(lon + along * step / np.cos(np.radians(lat)) + 180) % 360 - 180
            )
            found[tile.id] = (tile, along)
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.3, (len(found), DIM)).astype(np.float32) + 1
    vectors[:, 0] += [along / 2 for _, along in found.values()]
    blank = {"size_m": size_m, "acquired_at": None, "gsd_m": 0.6, "valid_fraction": 1.0, "origin": "a.tif"}
    records = [{"tile_id": name, "lat": tile.lat, "lon": tile.lon, **blank} for name, (tile, _) in found.items()]
    archive = Archive(folder / "archive", "tiles")
    archive.write("a", records, vectors, {"collection": "c", "model_id": "m"})
    return open_scorer(folder / "field", archive, model_id="m", encoder=None)
