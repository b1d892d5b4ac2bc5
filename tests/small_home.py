"""A small home for tests of the Python package, made by it: a model that knows time, 30 tiles, eight photos."""

import shutil
from pathlib import Path

import groundcast as gc
from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.geo.geometry import Footprint
from ingest.settings import load_settings
from tests.conftest import TINY_CLIP, make_raster
from tests.test_ground import with_encoder, write_photos
from trainer.checkpoint import read_meta
from trainer.weights.zoo import add_open_clip


def make_home(folder: Path, collection: str, gallery: str) -> Path:
    """The home, in a new folder, beside what was brought in."""
    home = folder / "home"
    (home / "models").mkdir(parents=True)
    add_open_clip(folder / "clip", TINY_CLIP, random_seed=0)
    with_encoder(folder / "clip", home / "models" / "m")
    shutil.rmtree(folder / "clip")
    catalog = Catalog(load_settings(home).catalog_path)
    catalog.add_model("m", read_meta(home / "models" / "m").model_id)
    catalog.close()
    raster = make_raster(folder / "town.tif", width=120, height=100)
    with gc.open(home) as opened:
        opened.ingest(raster, collection, tile_size_m=10, progress=False, precision="float32")
        photos = write_photos(folder / "photos", a_tile(home, collection))
        opened.ingest_photos(photos, gallery, progress=False, precision="float32")
    return home


def a_tile(home: Path, collection: str) -> Footprint:
    """The 20th tile of a collection."""
    archive = Archive(load_settings(home).archive_dir(collection), "tiles")
    row = archive.read(archive.parts()[0].stem).table.slice(20, 1).to_pylist()[0]
    return Footprint(row["lat"], row["lon"], row["size_m"])
