"""`groundcast places` and ``--place`` as a user meets them."""

from pathlib import Path

import pytest

from tests.conftest import TINY_CLIP, Groundcast, make_raster


def test_places_are_listed_with_people_and_their_source(groundcast: Groundcast) -> None:
    ran = groundcast("places", "Springfield", "-k", "2")
    assert ran.code == 0
    assert [line.split("  ")[0] for line in ran.out.splitlines()[1:]] == [
        "Springfield, Missouri, United States",
        "Springfield, Massachusetts, United States",
    ]
    assert "GeoNames, CC BY 4.0" in ran.err


def test_places_as_json_have_their_boxes(groundcast: Groundcast) -> None:
    document = groundcast("places", "Nepal", "-k", "1", "--json").json()
    (place,) = document["places"]
    assert place["kind"] == "country"
    assert place["bbox"] == pytest.approx([80.06, 26.35, 88.20, 30.47], abs=0.01)
    assert "GeoNames" in document["attribution"]
    assert "OpenStreetMap" in document["attribution"]


def test_coordinates_are_read_back(groundcast: Groundcast) -> None:
    assert groundcast("places", "N27.63 E85.52").out == "27.63000°N 85.52000°E  0.4 km SW of Banepā, NP\n"
    assert groundcast("places", "-33.87,151.21").out.startswith("33.87000°S 151.21000°E  ")  # no option
    document = groundcast("places", "85°31'12\"E 27°37'48\"N", "--json").json()
    assert document["coordinates"]["lat"] == pytest.approx(27.63)
    assert document["coordinates"]["near"]["name"] == "Banepā"


@pytest.mark.parametrize("name", ["", "😀", "x" * 10_000, "\x07", "91,0", "Paris, Mars"])
def test_what_is_no_place_is_wrong_usage(groundcast: Groundcast, name: str) -> None:
    ran = groundcast("places", name)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_an_unknown_place_is_no_error_in_a_list(groundcast: Groundcast) -> None:
    ran = groundcast("places", "qqqqzzzz")
    assert ran.code == 0
    assert "no place is called" in ran.out


def test_a_place_is_an_area_for_ingest_and_search(groundcast: Groundcast, tmp_path: Path) -> None:
    raster = make_raster(tmp_path / "town.tif", width=100, height=100, east=4_000)
    assert groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0").code == 0
    ran = groundcast("ingest", raster, "--collection", "town", "--tile-size-m", "10", "--place", "Banepa")
    assert ran.code == 0, ran.err
    assert "place: Banepā, Nepal, disc of 3.79 km for 67,629 people" in ran.err
    search = ("search", "roofs", "--collection", "town", "-k", "2", "--json", "--place")
    here = groundcast(*search, "Banepa, Nepal")
    assert len(here.json()["hits"]) == 2
    assert "Banepā" in here.err
    paris = groundcast(*search, "Paris")
    assert paris.json()["hits"] == []
    assert "others of that name: Paris, Texas, United States;" in paris.err
    twice = groundcast(*search, "Banepa", "--near", "27.6,85.5,1")
    assert (twice.code, "--near and --place" in twice.err) == (2, True)
    wrong = groundcast(*search, "Bannepa")
    assert (wrong.code, "do you mean 'Banepā, Nepal'" in wrong.err) == (2, True)
