"""When a photo was taken: a photo and the tile it was taken in, in; how likely each month and hour is, out.

The photo's vector is compared with S of the tile, what one would see there, at the middle of each month at each hour.
Only what the picture shows counts: neither its EXIF data nor its file are asked. It knows neither the screen nor the
command line, nor how cosines become chances: that is `search_ui.search.posterior`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.sources.picture import read_picture
from search_ui.ground.retrieval import row_of
from search_ui.ground.view import check_where
from search_ui.maps.calendars import draw_months_and_hours
from search_ui.maps.layers import Words
from search_ui.maps.scales import MONTHS, Scale
from search_ui.search.likeliest import TYPICAL
from search_ui.search.posterior import Posterior
from search_ui.search.query import Part, Query
from search_ui.search.ranking import SCORE_DIGITS
from search_ui.search.series import calendar_moments
from trainer.bundled import bundled_folder, bundled_meta
from trainer.errors import ArchiveError, UsageError
from trainer.photo_projection import read_projection

if TYPE_CHECKING:
    from PIL import Image

    from search_ui.search.engine import Engine
    from trainer.embedder import Embedder

_PLAIN = 8  # of 255, in each colour: as much a plain picture may vary, for JPEG and noise
_YEAR = TYPICAL[0].year  # a photo of an unknown year: that of the moments at which tiles are looked at elsewhere


@dataclass(frozen=True, kw_only=True)
class PhotoTimeQuery:
    """What is asked: a photo, and the tile in which it was taken, by its id or by a place in it.

    Args:
        photo: File of the photo.
        tile_id: Id of the tile; None: `place` says which.
        place: Latitude and longitude in degrees, anywhere in the tile; None: `tile_id` says which.

    Raises:
        UsageError: Neither or both of tile and place are given.
        AreaError: The place is not on the globe.
    """

    photo: Path
    tile_id: str | None = None
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_where(self.tile_id, self.place)


@dataclass(frozen=True, kw_only=True)
class PhotoTimeView:
    """When a photo was taken, if it was taken in that tile.

    Attributes:
        tile_id: Id of the tile.
        lat: Of its middle, degrees north.
        lon: Of its middle, degrees east.
        collection: Name of the collection of tiles.
        model_id: The model that made the tile's vector, and embedded the photo.
        attribution: Whom to credit for the imagery.
        cosine: Of the photo with the tile at its best moment, −1..1: how well it fits the place at all.
        posterior: How likely each month and hour is, wall-clock time at the place.
        note: What a person should read beside it.
    """

    tile_id: str
    lat: float
    lon: float
    collection: str
    model_id: str
    attribution: str | None
    cosine: float
    posterior: Posterior
    note: str | None

    def as_dict(self) -> dict[str, Any]:
        """Say the answer in JSON types."""
        said = {name: value for name, value in vars(self).items() if name != "posterior"}
        return said | {"hours": "local wall-clock time"} | self.posterior.as_dict()

    def to_json(self) -> str:
        """Say the answer as one JSON document in ASCII."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)


@dataclass
class PhotoTimes:
    """Says of photos when they were taken, with the collections of one engine.

    Attributes:
        engine: It has the fields and the models.
    """

    engine: "Engine"

    def tell(self, collection_name: str, query: PhotoTimeQuery) -> PhotoTimeView:
        """How likely a photo of a tile was taken in each month at each hour.

        Args:
            collection_name: Name of a collection of tiles, as people give it.

        Raises:
            MissingError: No such collection or tile.
            UsageError: The place is in no tile, it is a gallery, its model knows no time, or the photo shows nothing.
            ItemError: The photo cannot be read.
        """
        tiles = self.engine.collection(collection_name)
        if tiles.kind != "tiles":
            raise UsageError(f"{tiles.name!r} is a gallery: --collection takes tiles")
        if not self.engine.knows_time(tiles):
            raise UsageError(
                f"the model of {tiles.name!r} knows no time, so it cannot tell when a photo was taken: "
                "ask a collection whose model does"
            )
        _check_shows_something(query.photo)
        vector = self.engine.query_vector(tiles, Query(parts=(Part("photo", query.photo),)))
        columns = self.engine.field(tiles)
        row = np.array([row_of(tiles, columns, query.tile_id, query.place)])
        # a month has no weekday, and nobody said which day it was
        cosine = columns.frames(vector, calendar_moments(_YEAR), rows=row)[:, 0]
        if not np.isfinite(cosine).all():
            raise ArchiveError("the tile's vector has no direction: run `groundcast verify`")
        return PhotoTimeView(
            tile_id=columns.ids(row)[0],
            lat=float(columns.lat[row[0]]),
            lon=float(columns.lon[row[0]]),
            collection=collection_name,
            model_id=tiles.model_id,
            attribution=tiles.spec.get("attribution"),
            cosine=round(float(cosine.max()), SCORE_DIGITS),
            posterior=Posterior.of(cosine),
            note="; ".join(filter(None, (self.engine.caution(tiles), _note(self.engine.embedder(tiles))))) or None,
        )


def _check_shows_something(photo: Path) -> None:
    """A model compares any picture: of a grey one it was surer than of many a photo."""
    pixels = read_picture(photo)
    if int((pixels.max(axis=(0, 1)) - pixels.min(axis=(0, 1))).max()) <= _PLAIN:
        raise UsageError(
            f"{photo.name} is of one colour: nothing in it tells when it was taken; give a photo that shows a place"
        )


def _note(embedder: "Embedder") -> str | None:
    """How sure it is was measured with one model only, and with its way of comparing photos."""
    own, bundled = embedder.photo_projection, bundled_meta()
    theirs = read_projection(bundled_folder(), bundled.model_id, bundled.dim)
    if embedder.model_id == bundled.model_id and own is not None and theirs is not None:
        if np.array_equal(own.matrix, theirs.matrix):
            return None
        return "shares were fitted to another way of comparing photos: trust the order, not how sure it is"
    return f"shares were fitted to the bundled model: of model {embedder.model_id} trust the order, not how sure it is"


def say_posterior(posterior: Posterior) -> str:
    """The answer in a line or two: the spans, and the likeliest month and hour, or that it cannot be told."""
    if not posterior.tells:
        return str(posterior)
    month, hour = posterior.best
    months, hours = posterior.months, posterior.hours
    return (
        f"{posterior}\n"
        f"likeliest month {MONTHS[month - 1]} ({100 * months[month - 1]:.0f} %), "
        f"likeliest hour {hour} h ({100 * hours[hour]:.0f} %)"
    )


def table(posterior: Posterior) -> str:
    """Chances as text, per cent: months down, two hours a column, and of all the day and all the year."""
    pairs = 100 * posterior.chance.reshape(12, 12, 2).sum(axis=2)
    lines = ["  %   " + " ".join(f"{hour:>4}h" for hour in range(0, 24, 2)) + "     all"]
    for name, row in zip(MONTHS, pairs, strict=True):
        lines.append(f"{name:>4}  " + " ".join(f"{value:5.1f}" for value in row) + f"   {row.sum():5.1f}")
    lines.append(" all  " + " ".join(f"{value:5.1f}" for value in pairs.sum(axis=0)))
    return "\n".join(lines)


def draw_photo_time(view: PhotoTimeView) -> "Image.Image":
    """Chances as a picture, in the form of a calendar: months down, hours across, the likeliest moment framed."""
    cells = (100 * view.posterior.chance).astype(np.float32)
    # from 0: an answer that cannot tell is one pale colour, and not the noise of a stretched scale
    scale = Scale(0.0, max(float(cells.max()), 200 / cells.size), "chance, per cent", empty="")
    words = Words("When was it taken?", (str(view.posterior),), view.attribution)
    return draw_months_and_hours(cells, scale, words, framed=view.posterior.best)
