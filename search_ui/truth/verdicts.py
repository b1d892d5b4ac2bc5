"""What truth says of every tile: it is to be seen there, it is not, or nobody knows.

Without negative areas, truth is taken as complete within its extent (the box of the whole file, or the area that is
asked about): a tile whose middle lies there and that is not positive is negative, every other is unknown. With
negative areas, a tile is negative where they cover half of it, or where a negative point lies in it; what is neither
is unknown. A tile that is both is left out, too, and so is every tile whose middle lies outside of an area that is
asked about: what the rest of it holds was perhaps never looked at. It does not know scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from search_ui.truth.overlay import Overlay, overlay

NEGATIVE_COVER = 0.5

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdicts:
    """Of n tiles.

    Attributes:
        yes: It is to be seen there, bool [n].
        known: It is known whether, bool [n].
        asked: How many of them are asked about: those whose middle lies in the area, or all.
        contrary: Positive and negative at once, and so left out.
        slivers: Known tiles that objects only touch, which count as negative.
        by: In a sentence, what makes a tile negative.
    """

    yes: Bools
    known: Bools
    asked: int
    contrary: int
    slivers: int
    by: str


def verdicts(
    found: Overlay,
    tiles: npt.NDArray[np.object_],
    *,
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    extent: BaseGeometry | None,
    area: BaseGeometry | None = None,
    negative: npt.NDArray[np.object_] | None = None,
) -> Verdicts:
    """What truth says of tiles.

    Args:
        found: Of a class.
        tiles: Outlines, [n].
        lat: Middles, degrees [n].
        lon: Middles, degrees [n].
        extent: Where truth is complete; None: on all tiles. Plays no part beside an area or negative areas.
        area: What is asked about; None: all tiles.
        negative: Polygons and points where it is not to be seen; None: what is not positive is negative.
    """
    inside = _middles_in(area, lat, lon)
    if negative is not None:
        no = overlay(negative, tiles, NEGATIVE_COVER).positive
        both = found.positive & no & inside
        known, by = (found.positive | no) & ~both & inside, _BY_AREAS
    else:
        both, by = np.zeros(len(tiles), np.bool_), _BY_EXTENT
        known = inside if area is not None else _middles_in(extent, lat, lon)
    slivers = int((found.sliver & known).sum())
    return Verdicts(found.positive & known, known, int(inside.sum()), int(both.sum()), slivers, by)


def _middles_in(area: BaseGeometry | None, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Bools:
    if area is None:
        return np.ones(len(lat), np.bool_)
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, lon, lat))


_BY_AREAS = "negative are the tiles in the negative areas; what is neither is unknown and left out"
_BY_EXTENT = "truth is taken as complete within its extent; tiles whose middle lies elsewhere are unknown and left out"
