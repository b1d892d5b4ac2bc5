"""Scores gathered into H3 hexagons."""

import geopandas as gpd
import h3
import numpy as np
import pytest
import shapely

from search_ui.maps.hexagons import fitting_note, gather, owners, places, write_hexagons
from search_ui.maps.layers import screen_canvas
from trainer.errors import GroundcastError, UsageError

LAT, LON = (axis.ravel() for axis in np.meshgrid(43 + np.arange(20) * 0.0043, 10 + np.arange(20) * 0.0059))
VALUES = np.random.default_rng(0).normal(size=400).astype(np.float32)


def test_a_hexagon_has_the_mean_and_the_highest_of_the_tiles_whose_centre_it_holds() -> None:
    hexagons = gather(7, VALUES, lat=LAT, lon=LON)
    cells = np.array([h3.str_to_int(h3.latlng_to_cell(lat, lon, 7)) for lat, lon in zip(LAT, LON, strict=True)])
    assert hexagons.tiles.sum() == 400
    for cell, count, mean, highest in zip(hexagons.cell, hexagons.tiles, hexagons.mean, hexagons.max, strict=True):
        inside = VALUES[cells == int(cell)]
        assert (count, mean, highest) == (len(inside), pytest.approx(inside.mean(), abs=1e-6), inside.max())
    assert (hexagons.values("max") >= hexagons.values("mean")).all()


def test_tiles_without_a_score_do_not_count() -> None:
    values = np.where(np.arange(400) < 399, np.nan, 1.0)
    hexagons = gather(7, values, lat=LAT, lon=LON)
    assert (hexagons.tiles.tolist(), hexagons.mean.tolist()) == ([1], [1.0])
    assert len(gather(7, np.full(400, np.nan), lat=LAT, lon=LON).cell) == 0


@pytest.mark.parametrize("resolution", [-1, 16])
def test_a_resolution_that_is_none_is_refused(resolution) -> None:
    with pytest.raises(UsageError, match=r"0 .* to 15"):
        gather(resolution, VALUES, lat=LAT, lon=LON)


@pytest.mark.parametrize(("lat", "lon"), [(-17.0, 180.0), (89.99, 0.0), (-89.99, 12.0)])
def test_outlines_are_sound_across_the_antimeridian_and_round_a_pole(lat, lon) -> None:
    lons = (lon + np.linspace(-0.2, 0.2, 50) + 180) % 360 - 180
    shapes = gather(4, np.ones(50), lat=np.full(50, lat), lon=lons).polygons()
    assert all(shape.is_valid for shape in shapes)
    bounds = shapely.bounds(shapes)
    assert bounds[:, 0].min() >= -180
    assert bounds[:, 2].max() <= 180


def test_a_pixel_shows_the_hexagon_that_it_lies_in() -> None:
    hexagons = gather(8, VALUES, lat=LAT, lon=LON)
    canvas = screen_canvas(places(hexagons), 24)
    shown = owners(hexagons, canvas)
    columns, rows = canvas.to_pixels(lat=hexagons.lat, lon=hexagons.lon)
    assert shown[rows.astype(int), columns.astype(int)].tolist() == list(range(len(hexagons.cell)))
    assert shown[0, 0] == -1


def test_a_table_is_geoparquet_with_both_statistics(tmp_path) -> None:
    hexagons = gather(7, VALUES, lat=LAT, lon=LON)
    write_hexagons(tmp_path / "hex.parquet", hexagons, "cosine", {"provenance": {"query": "é"}})
    table = gpd.read_parquet(tmp_path / "hex.parquet")
    assert list(table.columns) == ["h3", "lat", "lon", "tiles", "cosine_mean", "cosine_max", "geometry"]
    assert table.h3[0] == h3.int_to_str(int(hexagons.cell[0]))
    assert table.geometry[0].contains(shapely.Point(table.lon[0], table.lat[0]))
    with pytest.raises(GroundcastError, match="cannot write"):
        write_hexagons(tmp_path / "gone" / "hex.parquet", hexagons, "cosine", {})


def test_hexagons_smaller_than_tiles_are_told() -> None:
    assert "take 8" in (fitting_note(11, np.full(3, 480.0)) or "")
    assert fitting_note(7, np.full(3, 480.0)) is None
