"""Neighbouring tiles merged into areas, and areas as files."""

import io
import json
import xml.etree.ElementTree as ET

import geopandas
import numpy as np
import pytest
from labelled_tiles import SIDE, small_field

from ingest.geo.footprints import Places
from search_ui.labels.area_files import areas_as, check_target, write_areas
from search_ui.labels.areas import areas_of
from trainer.errors import UsageError

BLOCK = {"collection": "demo", "model_id": "m", "attribution": None, "label_set": {"name": "<b>Full & empty"}}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    field = small_field(tmp_path_factory.mktemp("areas"))
    order = np.lexsort([field.lon, np.round(field.lat, 4)])  # row by row from the south-west
    return Places(field.lat[order], field.lon[order], field.size_m[order])


def chances(*cells) -> np.ndarray:
    probability = np.full((SIDE, SIDE), 0.1, np.float32)
    for up, along, value in cells:
        probability[up, along] = value
    return probability.ravel()


def test_neighbours_become_one_area_and_others_their_own(places) -> None:
    found = areas_of(places, chances((0, 0, 0.9), (0, 1, 0.8), (1, 1, 0.7), (5, 5, 0.95), (9, 9, 0.49)), 0.5)
    assert [(one.number, one.tiles) for one in found] == [(1, 3), (2, 1)]
    assert found[0].area_km2 == pytest.approx(3 * 0.48**2, rel=0.005)  # rows overlap a little, and count once
    assert found[1].area_km2 == pytest.approx(0.48**2, rel=1e-5)
    assert (found[0].mean, found[0].highest) == (pytest.approx(0.8), pytest.approx(0.9))
    assert all(one.outline.contains(one.outline.representative_point()) and one.outline.is_valid for one in found)


def test_a_ring_of_tiles_keeps_its_hole(places) -> None:
    ring = [(up, along, 0.9) for up in (3, 4, 5) for along in (3, 4, 5) if (up, along) != (4, 4)]
    (found,) = areas_of(places, chances(*ring), 0.5)
    assert found.tiles == 8
    assert len(found.outline.interiors) == 1
    assert found.area_km2 == pytest.approx(8 * 0.48**2, rel=0.01)


def test_a_tile_at_the_threshold_is_in_and_one_without_a_score_is_not(places) -> None:
    probability = chances((0, 0, 0.5), (4, 4, np.nan))
    assert [one.tiles for one in areas_of(places, probability, 0.5)] == [1]
    assert areas_of(places, probability, 0.9) == []
    for bad in (0, 1.5, float("nan")):
        with pytest.raises(UsageError, match="give a probability above 0"):
            areas_of(places, probability, bad)


def test_an_area_across_the_antimeridian_is_cut_there_and_is_as_large(tmp_path) -> None:
    field = small_field(tmp_path, lon=179.98)
    places = Places(field.lat, field.lon, field.size_m)
    found = areas_of(places, np.ones(field.n, np.float32), 0.5)
    assert sum(one.area_km2 for one in found) == pytest.approx(field.n * 0.48**2, rel=0.01)
    assert len(found) == 1
    assert found[0].outline.geom_type == "MultiPolygon" and abs(np.array(found[0].outline.bounds)).max() <= 180


@pytest.mark.parametrize("suffix", [".geojson", ".parquet", ".kml"])
def test_other_programs_open_what_is_written(places, tmp_path, suffix) -> None:
    ring = [(up, along, 0.9) for up in (3, 4, 5) for along in (3, 4, 5) if (up, along) != (4, 4)]
    areas = areas_of(places, chances(*ring, (8, 8, 0.7)), 0.5)
    path = tmp_path / f"areas{suffix}"
    write_areas(path, areas, 0.5, BLOCK)
    content = path.read_bytes()
    if suffix == ".kml":
        root = ET.fromstring(content)
        space = "{http://www.opengis.net/kml/2.2}"
        assert len(list(root.iter(f"{space}Placemark"))) == 2
        assert len(list(root.iter(f"{space}innerBoundaryIs"))) == 1
        assert "&lt;b&gt;Full &amp; empty" in root.findtext(f".//{space}description")
    opened = geopandas.read_parquet(path) if suffix == ".parquet" else geopandas.read_file(path)
    assert len(opened) == 2
    assert opened.to_crs(opened.estimate_utm_crs()).area.sum() / 1e6 == pytest.approx(
        sum(one.area_km2 for one in areas), rel=2e-3
    )
    if suffix == ".geojson":
        assert json.loads(content)["provenance"]["label_set"]["name"] == "<b>Full & empty"
    if suffix != ".kml":
        assert opened["tiles"].to_list() == [8, 1] and opened["threshold"].to_list() == [0.5, 0.5]


def test_no_area_is_a_file_without_features(tmp_path) -> None:
    empty = geopandas.read_parquet(io.BytesIO(areas_as(".parquet", [], 0.9, BLOCK)))
    assert len(empty) == 0
    assert json.loads(areas_as(".geojson", [], 0.9, BLOCK))["features"] == []
    with pytest.raises(UsageError, match=r"use one of \.geojson \.parquet \.kml"):
        check_target(tmp_path / "a.shp")
