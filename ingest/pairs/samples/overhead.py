"""The overhead image around a photo's place, and where in it the photo stands; or the reason why there is none.

    no_imagery          less of it has imagery than is asked for
    overhead_REASON     imagery there cannot be read, as the source says

It does not know photos or shards.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ingest.geo.geometry import Footprint
from ingest.pairs.metadata.columns import hash_of
from ingest.pairs.recipe import Recipe
from ingest.pairs.samples.photograph import encode
from ingest.sources.source import Source
from trainer.errors import ItemError


@dataclass(frozen=True)
class Overhead:
    """An image that can be used.

    Attributes:
        jpeg: The file's bytes.
        about: What it is, in JSON types: `photo_px` are column and row, from the upper left corner, of the photo.
    """

    jpeg: bytes
    about: dict[str, Any]


def cut(source: Source, recipe: Recipe, *, photo: str, lat: float, lon: float) -> Overhead:
    """The image around a place. Thread-safe as the source is.

    Args:
        recipe: Size, and how far the photo may stand from the middle.
        photo: Its id, from which the jitter follows.
        lat: Of the photo, degrees.
        lon: Of the photo, degrees.

    Raises:
        ItemError: With the reason why there is none.
    """
    east_m, north_m = _jitter(recipe, photo)
    footprint = Footprint(lat, lon, recipe.size_m)
    if recipe.jitter_m:
        # seen from the photo the middle lies the other way
        lons, lats = footprint.to_lonlat(-east_m, -north_m)
        footprint = Footprint(float(lats), float(lons), recipe.size_m)
    try:
        chip = source.read(footprint, recipe.size_px)
    except ItemError as error:
        raise ItemError(f"overhead_{error.reason}", str(error)) from error
    share = float(chip.valid.mean())
    if share < recipe.min_valid or share == 0:
        raise ItemError("no_imagery", f"{share:.0%} of the image at {lat:.5f}, {lon:.5f} has imagery")
    about = {
        "source": source.uri,
        "origin": chip.origin,
        "acquired_at": chip.acquired_at and chip.acquired_at.isoformat(),
        "lat": round(footprint.lat, 7),
        "lon": round(footprint.lon, 7),
        "size_px": recipe.size_px,
        "gsd_m": recipe.gsd_m,
        "native_gsd_m": round(chip.gsd_m, 4),
        "valid_fraction": round(share, 4),
        # rows count from the north
        "photo_px": [round(recipe.size_px / 2 + d / recipe.gsd_m, 2) for d in (east_m, -north_m)],
    }
    return Overhead(encode(Image.fromarray(chip.image), recipe.quality), about)


def _jitter(recipe: Recipe, photo: str) -> tuple[float, float]:
    """How far the photo stands east and north of the middle, metres; the same in every run."""
    if not recipe.jitter_m:
        return 0.0, 0.0
    east, north = np.random.default_rng([recipe.seed, hash_of(photo)]).uniform(-recipe.jitter_m, recipe.jitter_m, 2)
    return float(east), float(north)
