"""Footprints as columns are the very footprints of single tiles."""

import numpy as np
import pytest
import shapely

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint

ODD = [(27.6, 85.5, 60.0), (0.0, 0.0, 480.0), (-60.0, 179.9, 480.0), (85.0, 10.0, 480.0),
       (70.0, -170.0, 5000.0), (89.9, 3.0, 480.0), (0.0, 179.999, 480.0), (-16.9, -179.999, 480.0), (90.0, 0.0, 480.0),
       (-90.0, 0.0, 480.0)]  # fmt: skip


def squares(rows) -> Squares:
    lat, lon, size_m = np.array(rows, float).T
    return Squares.of(Places(lat, lon, size_m))


def test_outlines_are_those_of_single_footprints_everywhere_on_earth() -> None:
    for (lat, lon, size_m), shape in zip(ODD, squares(ODD).polygons(), strict=True):
        true = Footprint(lat=lat, lon=lon, size_m=size_m).polygon
        assert shape.is_valid
        assert shape.symmetric_difference(true).area < 1e-9 * true.area


def test_well_known_binary_is_that_of_shapely() -> None:
    assert shapely.from_wkb(squares(ODD[:2]).wkb()[1]).bounds == pytest.approx(
        Footprint(lat=0.0, lon=0.0, size_m=480.0).polygon.bounds, abs=1e-12
    )


def test_squares_reach_no_further_than_they_say() -> None:
    up, along = squares(ODD[:5]).reach_deg()
    for (lat, _, size_m), high, wide in zip(ODD[:5], up, along, strict=True):
        west, south, east, north = Footprint(lat=lat, lon=0.0, size_m=size_m).polygon.bounds
        assert max(north - lat, lat - south) <= high
        assert max(east, -west) <= wide
        assert high < size_m / 110_000  # and not far less


def test_no_tiles_are_no_outlines() -> None:
    assert squares(np.empty((0, 3))).wkb() == []
