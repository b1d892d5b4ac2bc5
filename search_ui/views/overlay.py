"""Values of tiles as a picture to lay over a web map: rows in Web Mercator, a palette with transparency, a data URL.

A pixel shows a tile by the rule of `search_ui.pixels`. It does not know what the values are.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from search_ui.footprints import Places, Squares
from search_ui.mercator import canvas_over
from search_ui.pixels import Owners, Resampler
from search_ui.scales import Scale

LONGEST_PX = 1_200
_LEAST_PX = 2.0  # a tile is never smaller: none is lost on a wide map
_NONE = 255  # index of the palette that is seen through
_STEPS = 250

Bounds = tuple[float, float, float, float]
Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Sheet:
    """Which tile each pixel of a picture shows.

    Attributes:
        owners: Row of the tile, int32 [height, width]; −1: none.
        bounds: West, south, east and north of the picture, degrees.
    """

    owners: Owners
    bounds: Bounds


def sheet_of(places: Places) -> Sheet:
    """The pixels of a picture of tiles, its rows in Web Mercator.

    Args:
        places: At least one.
    """
    canvas = canvas_over(places, longest_px=LONGEST_PX)
    drawn = Places(places.lat, places.lon, np.maximum(places.size_m, _LEAST_PX * canvas.pixel_m))
    return Sheet(Resampler(canvas, Squares.of(drawn)).whole(), canvas.bounds)


def picture_url(sheet: Sheet, values: Values, scale: Scale, faint_below: float | None = None) -> str:
    """The picture as a ``data:`` URL.

    Args:
        sheet: Where the tiles are.
        values: Of every tile, [n]; NaN is not shown.
        scale: What a colour means.
        faint_below: Values under it are drawn faintly, so that the ground is seen.
    """
    part = (values - scale.low) / (scale.high - scale.low)
    index = np.where(np.isfinite(part), np.clip(part * _STEPS, 0, _STEPS - 1), _NONE).astype(np.uint8)
    pixels = np.append(index, np.uint8(_NONE))[sheet.owners]
    middles = scale.low + (np.arange(_STEPS) + 0.5) / _STEPS * (scale.high - scale.low)
    colours = np.zeros((256, 3), np.uint8)
    colours[:_STEPS] = scale.colours(middles)
    alpha = np.full(256, 255, np.uint8)
    if faint_below is not None:
        alpha[:_STEPS][middles < faint_below] = 80
    alpha[_STEPS:] = 0
    image = Image.fromarray(pixels, "P")
    image.putpalette(colours.tobytes())
    sink = io.BytesIO()
    image.save(sink, "PNG", transparency=alpha.tobytes(), compress_level=1)
    return "data:image/png;base64," + base64.b64encode(sink.getvalue()).decode()

