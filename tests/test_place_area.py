"""Names and coordinates as areas: towns, countries, regions, radii, and places over ±180° and near poles."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import Point, box

from ingest.geo.geometry import distance_m
from ingest.index.protocol import Filter
from ingest.places.areas import Ground, area_of, bbox_of, country_outline, places_of, told_apart, town_radius_m
from ingest.places.gazetteer import Gazetteer
from ingest.places.place import Offset
from trainer.errors import AreaError


@pytest.fixture(scope="module")
def gazetteer(places_folder: Path) -> Gazetteer:
    return Gazetteer(places_folder)


def radius_km(area: shapely.Geometry) -> float:
    """Of a disc, by the distance of its corners from the middle of its box."""
    west, south, east, north = bbox_of(area)
    corners = shapely.get_coordinates(area)
    return (
        float(distance_m(lat=(south + north) / 2, lon=(west + east) / 2, lats=corners[:, 1], lons=corners[:, 0]).max())
        / 1e3
    )


def test_a_town_is_a_disc_by_its_people_and_says_so(gazetteer: Gazetteer) -> None:
    banepa = area_of("Banepa", gazetteer)
    assert banepa.says == "Banepā, Nepal, disc of 3.79 km for 67,629 people"
    assert banepa.area.contains(Point(85.52, 27.63))
    assert radius_km(banepa.area) == pytest.approx(3.79, rel=0.01)
    assert (town_radius_m(0), town_radius_m(10**8)) == (1_000, 40_000)


def test_the_other_places_of_a_name_are_told(gazetteer: Gazetteer) -> None:
    paris = area_of("Paris", gazetteer)
    assert paris.says.startswith("Paris, France")
    assert "Paris, Texas, United States" in paris.others
    assert area_of("Paris, TX", gazetteer).others == ()


def test_a_choice_finds_its_place_alone(gazetteer: Gazetteer) -> None:
    paris = area_of("Paris, 5 km", gazetteer)
    assert paris.choices[:2] == ("Paris, France, 5 km", "Paris, Texas, United States, 5 km")
    assert area_of(paris.choices[1], gazetteer).says == "Paris, Texas, United States, disc of 5 km"
    assert area_of("Nancy", gazetteer).choices == ()  # the other is one in another language, and small
    assert area_of("Banepa", gazetteer).choices == ()
    alike = area_of("Texas, Mexico", gazetteer)
    one, other = (area_of(choice, gazetteer).area for choice in alike.choices)
    assert not one.intersects(other)


OWN = [["Brenham, Iselin", 43.0, -165.0], ["Brenham, Teneia", 41.0, -160.0], ["Paris, Iselin", 43.1, -165.1]]


def test_the_places_of_a_collection_go_before_those_of_the_earth(gazetteer: Gazetteer) -> None:
    found = area_of("brenham, iselin", gazetteer, OWN)
    assert found.says.startswith("Brenham, Iselin, disc")
    assert found.area.contains(Point(-165, 43))
    assert (found.attribution, found.others) == ("", ())
    both = area_of("Brenham", gazetteer, OWN)
    assert both.choices[:3] == ("Brenham, Iselin", "Brenham, Teneia", "Brenham, Texas, United States")
    assert area_of(both.choices[1], gazetteer, OWN).area.contains(Point(-160, 41))
    assert area_of("Paris", gazetteer, OWN).choices[:2] == ("Paris, Iselin", "Paris, France")
    assert area_of("Oslo", gazetteer, OWN).says.startswith("Oslo, Norway")
    with pytest.raises(AreaError, match="do you mean 'Brenham, "):
        area_of("Brenhamm", gazetteer, OWN)


def test_nothing_that_is_told_of_a_place_speaks_of_options(gazetteer: Gazetteer) -> None:
    for text in ("qqqqzzzz", "Kathmndu", "Paris, Mars", "Nepal, 5 km", "91, 200"):
        with pytest.raises(AreaError) as told:
            area_of(text, gazetteer)
        assert "--" not in str(told.value)
        assert "`" not in str(told.value)


def test_places_with_one_label_are_told_apart_by_coordinates(gazetteer: Gazetteer) -> None:
    labels = told_apart(gazetteer.find_places("Texas, Mexico", 5, exact=True))
    assert len(labels) == 2
    assert all(label.startswith("Texas, Mexico at ") for label in labels)
    assert labels[0] != labels[1]


@pytest.mark.parametrize(
    ("text", "km"),
    [
        ("27.63N 85.52E", 1),
        ("27.63N 85.52E 5 km", 5),
        ("27.63,85.52, 500 m", 0.5),
        ("27.63,85.52,2km", 2),
        ("Banepa, Nepal, 5 km", 5),
        ("Banepa 1.5 mi", 2.414),
        ("45R 353979m 3057091m", 1),
        ("JGJC+22 Banepa, Nepal", 1),
        ("https://www.openstreetmap.org/#map=15/27.63/85.52", 1),
    ],
)
def test_coordinates_and_names_take_a_radius(gazetteer: Gazetteer, text: str, km: float) -> None:
    area = area_of(text, gazetteer).area
    assert radius_km(area) == pytest.approx(km, rel=0.01)
    assert area.intersects(Point(85.52, 27.63))


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("Nepal", [(85.52, 27.63), (80.2, 29.0)], [(77.2, 28.6), (91.1, 29.65)]),
        ("Vietnam", [(105.85, 21.03), (106.7, 10.78)], [(102.6, 17.97), (100.5, 13.75)]),
        ("Thailand", [(100.5, 13.75), (98.98, 18.79)], [(105.85, 21.03)]),
        ("Fiji", [(178.44, -18.14), (-179.97, -16.8)], [(0, -17), (-175.2, -21.1)]),
        ("USA", [(-74, 40.7), (-157.86, 21.3), (-149.9, 61.2)], [(-79.4, 43.7), (-66.1, 18.46)]),
        ("Suisse", [(8.54, 47.37)], [(9.52, 47.14)]),
    ],
)
def test_a_country_is_its_border(
    gazetteer: Gazetteer, name: str, inside: list[tuple[float, float]], outside: list[tuple[float, float]]
) -> None:
    found = area_of(name, gazetteer)
    assert "OpenStreetMap" in found.says
    Filter(area=found.area)  # is valid, on the globe, split at ±180°
    assert [found.area.intersects(Point(place)) for place in inside] == [True] * len(inside)
    assert [found.area.intersects(Point(place)) for place in outside] == [False] * len(outside)


def test_most_towns_of_a_country_lie_in_its_outline(gazetteer: Gazetteer) -> None:
    for code in ("NP", "CH", "NZ", "PE", "KE", "IS", "VN"):
        outline = country_outline(code)
        assert outline is not None
        shapely.prepare(outline)
        towns = gazetteer.towns_of(code)
        assert shapely.intersects_xy(outline, towns[:, 1], towns[:, 0]).mean() > 0.995, code


def test_a_region_and_a_country_without_a_zone_are_hulls_and_say_so(gazetteer: Gazetteer) -> None:
    for name, inside, outside in (
        ("Texas", (-97.74, 30.27), (-104.98, 39.74)),
        ("Kosovo", (21.17, 42.67), (21.43, 41.99)),
    ):
        found = area_of(name, gazetteer)
        assert "not its border" in found.says
        assert found.area.intersects(Point(inside))
        assert not found.area.intersects(Point(outside))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Kathmndu", "do you mean 'Kathmandu, Nepal'"),
        ("qqqqzzzz", "Give another name"),
        ("Nepal, 5 km", "has a shape"),
        ("Banepa 0 km", "more than 0"),
        ("Banepa 99999 km", "at most 10000 km"),
        ("91N 10E", "-90 to 90"),
        ("", "no letter or digit"),
        ("🏔️", "no letter or digit"),
        ("x" * 10_000, "10,000 characters"),
        ("27.63", "looks like coordinates"),
    ],
)
def test_what_is_no_place_is_refused(gazetteer: Gazetteer, text: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        area_of(text, gazetteer)


def test_a_place_on_the_edge_of_the_map_is_whole(gazetteer: Gazetteer) -> None:
    assert bbox_of(area_of("17S 180W 50 km", gazetteer).area)[0] > 179
    assert area_of("90N 0E 10 km", gazetteer).area.intersects(Point(123, 89.95))


def test_a_box_of_parts_is_the_smallest_one() -> None:
    assert bbox_of(box(1, 2, 3, 4)) == (1, 2, 3, 4)
    assert bbox_of(shapely.union_all([box(170, 0, 180, 1), box(-180, 0, -175, 2)])) == (170, 0, -175, 2)
    assert bbox_of(shapely.union_all([box(-10, 0, -5, 1), box(5, 0, 10, 1)])) == (-10, 0, 10, 1)


def test_a_town_on_the_ground_that_is_looked_at_is_meant_before_a_larger_one_far_away(gazetteer: Gazetteer) -> None:
    dakota = Ground(lat=47.0, lon=-99.15, reach_m=5_000)
    found = area_of("Jamestown, US", gazetteer, (), dakota)
    assert (found.says.split(", disc")[0], found.choices) == ("Jamestown, North Dakota, United States", ())
    assert area_of("Jamestown, US", gazetteer).says.startswith("Jamestown, New York")
    own = [["Paris, Avalune", 43.0, -165.0]]
    assert area_of("Paris", gazetteer, own, Ground(lat=43.0, lon=-165.0, reach_m=30_000)).choices == ()


def test_several_far_places_of_a_name_are_offered_with_how_far_they_are(gazetteer: Gazetteer) -> None:
    found = area_of("Springfield", gazetteer, (), Ground(lat=43.0, lon=-165.0, reach_m=30_000))
    assert found.choices[0] == "Springfield, Missouri, United States"
    assert len(found.away) == len(found.choices) > 2
    assert found.away[0] == "5,929 km away"


def test_what_is_shown_as_a_name_can_be_typed(gazetteer: Gazetteer) -> None:
    for lat, lon in [(47.0, -99.15), (27.63237, 85.52565), (-6.05, 39.24)]:
        (near,) = gazetteer.nearest_place([lat], [lon])
        found = area_of(str(near), gazetteer, (), Ground(lat=lat, lon=lon, reach_m=1_000))
        assert found.choices == ()
        assert found.area.contains(Point(lon, lat)) or (near is not None and near.distance_m > 3_000)
        offset = Offset.parse(str(near))
        assert near is not None
        assert offset is not None
        (town,) = places_of(offset.name, gazetteer, (), Ground(lat=lat, lon=lon, reach_m=1_000))[:1]
        lats, lons = np.array([lat, lat + 1]), np.array([lon, lon + 1])
        assert offset.matches(lats, lons, lat=town.lat, lon=town.lon).tolist() == [0]
    assert Offset.parse("a river 3 km S") is None
    choices = area_of("2 km n of Paris", gazetteer).choices
    assert choices[1] == "2.0 km N of Paris, Texas, United States"
    assert area_of(choices[1], gazetteer).choices == ()
    near = area_of("40 m n of Paris, 5 km", gazetteer)  # neither distance nor radius is lost
    assert near.choices[0] == "0.04 km N of Paris, France, 5 km"
    assert area_of(near.choices[0], gazetteer).area.equals(near.area)
