"""A home with one small collection whose model is not here, to be published."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.settings import load_settings
from search_ui.publishing.publication import PublishOptions, publish
from search_ui.search.engine import Engine

MODEL, DIM = "0123456789abcdef", 8
DATE = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)


def tile(number, *, lat=27.6, lon=85.5, acquired=DATE, origin="a.tif"):
    return {
        "tile_id": f"t{number:05d}",
        "lat": lat + number // 20 * 0.0044,
        "lon": lon + number % 20 * 0.005,
        "size_m": 480.0,
        "acquired_at": acquired,
        "gsd_m": 0.6,
        "valid_fraction": 0.75,
        "origin": origin,
    }


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(0, 5, (count, DIM)).astype(np.float32)


class Home:
    """A home with one collection, whose model is not here."""

    def __init__(self, folder: Path, name: str = "town") -> None:
        self.settings = load_settings(folder / "home")
        self.catalog = Catalog(self.settings.catalog_at)
        self.archive = Archive(self.settings.archive_dir(name), "tiles")
        self.name, self.folder = name, folder
        grid = {"size_m": 480.0, "stride_m": 480.0}
        spec = {"kind": "tiles", "source": "a.tif", "attribution": "Ada", "grid": grid, "options": {}}
        self.catalog.add_collection(Collection(name, "tiles", MODEL, DIM, spec, DATE))

    def add(self, key, records, *, source="/home/ada/a.tif", attribution="Ada", model_id=MODEL, seed=0):
        meta = {"collection": self.name, "model_id": model_id, "source": source, "attribution": attribution}
        return self.archive.write(key, records, vectors(len(records), seed), meta | {"skipped": {}, "failures": []})

    def publish(self, to="out", **wanted):
        return publish(Engine(self.settings, self.catalog), self.name, self.folder / to, PublishOptions(**wanted))
