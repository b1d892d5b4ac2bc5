"""Names of places, and places near, from the real table of the world's towns."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.geo.geometry import distance_m
from ingest.places.gazetteer import Gazetteer
from ingest.places.making import make_ahead
from ingest.places.names import normal
from ingest.places.place import Place
from ingest.places.store import damaged, open_made, open_places
from tests.conftest import ROOT
from trainer.errors import AreaError, GroundcastError


@pytest.fixture(scope="module")
def gazetteer(places_folder: Path) -> Gazetteer:
    return Gazetteer(places_folder)


@pytest.fixture
def copied(gazetteer: Gazetteer, places_folder: Path, tmp_path: Path) -> Path:
    """A folder with the table of places, without their names."""
    gazetteer.nearest_place(0, 0)
    shutil.copy(places_folder / "places.sqlite", tmp_path / "places.sqlite")
    return tmp_path


def first(gazetteer: Gazetteer, text: str) -> Place:
    return gazetteer.find_places(text, 3, exact=True)[0]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Banepa", "Banepā, Nepal"),
        ("BANEPĀ", "Banepā, Nepal"),
        (" banepa , nepal ", "Banepā, Nepal"),
        ("Banepa, NP", "Banepā, Nepal"),
        ("banepa nepal", "Banepā, Nepal"),
        ("Paris", "Paris, France"),
        ("Paris, TX", "Paris, Texas, United States"),
        ("Paris, Texas, USA", "Paris, Texas, United States"),
        ("paris texas", "Paris, Texas, United States"),
        ("Springfield, IL", "Springfield, Illinois, United States"),
        ("Springfield IL US", "Springfield, Illinois, United States"),
        ("San José, Costa Rica", "San José, Costa Rica"),
        ("London, Canada", "London, Canada"),
        ("New York", "New York City, New York, United States"),
        ("Washington, D.C.", "Washington, District of Columbia, United States"),
        ("St. Gallen", "Sankt Gallen, Switzerland"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch, The Netherlands"),
        ("Zurich", "Zürich, Switzerland"),
        ("München", "Munich, Germany"),
        ("Muenchen", "Munich, Germany"),
        ("København", "Copenhagen, Denmark"),
        ("काठमाडौं", "Kathmandu, Nepal"),
        ("東京", "Tokyo, Japan"),
        ("Москва", "Moscow, Russia"),
        ("القاهرة", "Cairo, Egypt"),
        ("서울", "Seoul, South Korea"),
        ("กรุงเทพมหานคร", "Bangkok, Thailand"),
        ("Αθήνα", "Athens, Greece"),
        ("ירושלים", "Jerusalem, Israel"),
        ("Nepal", "Nepal"),
        ("नेपाल", "Nepal"),
        ("Deutschland", "Germany"),
        ("日本", "Japan"),
        ("UK", "United Kingdom"),
        ("Georgia", "Georgia"),
        ("Georgia, US", "Georgia, United States"),
        ("Texas", "Texas, United States"),
        ("Scotland", "Scotland, United Kingdom"),
        ("Tunis, Tunisia", "Tunis, Tunisia"),
        ("Tunisia, Tunis", "Tunis, Tunisia"),
        ("Brasília, Brazil", "Brasília, Brazil"),
        ("Brasilia", "Brasília, Brazil"),
        ("England, UK", "England, United Kingdom"),
        ("England", "England, United Kingdom"),
        ("Salvador", "Salvador, Brazil"),
        ("Poole", "Poole, England, United Kingdom"),
        ("Columbia", "Columbia, South Carolina, United States"),
        ("Bethlehem", "Bethlehem, South Africa"),
        ("Bethlehem, Palestine", "Bethlehem, Palestinian Territory"),
        ("Male", "Male, Maldives"),
        ("Luxembourg, Luxembourg", "Luxembourg, Luxembourg"),
        ("Polen", "Poland"),
        ("Suiza", "Switzerland"),
        ("Holland", "The Netherlands"),
        ("U.S.A.", "United States"),
        ("UAE", "United Arab Emirates"),
    ],
)
def test_a_name_in_any_script_finds_the_likeliest_place(gazetteer: Gazetteer, text: str, label: str) -> None:
    assert first(gazetteer, text).label == label


def test_places_of_one_name_are_ordered_by_people(gazetteer: Gazetteer) -> None:
    found = gazetteer.find_places("Springfield", 5, exact=True)
    assert {place.name for place in found} == {"Springfield"}
    people = [place.population for place in found]
    assert people == sorted(people, reverse=True)
    assert len({place.admin for place in found}) == 5


def test_behind_a_comma_stands_where_a_place_lies_and_a_country_lies_in_none(gazetteer: Gazetteer) -> None:
    for text, code in (
        ("Tunis, Tunisia", "TN"),
        ("Panama, Panama", "PA"),
        ("Georgia, USA", "US"),
        ("Kuwait, Kuwait", "KW"),
    ):
        found = gazetteer.find_places(text, 5, exact=True)
        assert found, text
        assert {place.country for place in found} == {code}
        assert "country" not in {place.kind for place in found}
    assert gazetteer.find_places("Deutschland, Brazil", 5, exact=True) == []


def test_a_label_finds_its_place_again(gazetteer: Gazetteer) -> None:
    for text in ("Paris", "Springfield", "Alexandria", "Victoria", "San Jose"):
        for place in gazetteer.find_places(text, 5, exact=True):
            assert (place.lat, place.lon) in {
                (again.lat, again.lon) for again in gazetteer.find_places(place.label, 20, exact=True)
            }


@pytest.mark.parametrize(
    ("wrong", "right"), [("Kathmndu", "Kathmandu"), ("Banepaa", "Banepā"), ("Zurihc", "Zürich"), ("Muncih", "Munich")]
)
def test_a_misspelt_name_is_offered_and_never_taken(gazetteer: Gazetteer, wrong: str, right: str) -> None:
    assert gazetteer.find_places(wrong, 5, exact=True) == []
    offered = gazetteer.find_places(wrong, 5)
    assert right in {place.name for place in offered}
    assert {place.match for place in offered} <= {"similar", "beginning", "words"}


def test_a_part_of_a_name_is_found_by_its_beginning_and_its_words(gazetteer: Gazetteer) -> None:
    assert gazetteer.find_places("Kathman", 1)[0].label == "Kathmandu, Nepal"
    assert gazetteer.find_places("Janeiro", 1)[0].label == "Rio de Janeiro, Brazil"


@pytest.mark.parametrize("text", ['"', "' OR 1=1 --", "a* OR b*", "NEAR(a b)", "names:x", "AND", "NOT", "^a", "%", "_"])
def test_signs_of_query_languages_mean_nothing(gazetteer: Gazetteer, text: str) -> None:
    if normal(text):
        assert all(isinstance(place, Place) for place in gazetteer.find_places(text))
    else:
        with pytest.raises(AreaError, match="no letter or digit"):
            gazetteer.find_places(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no letter or digit"),
        (" ,, ", "no letter or digit"),
        ("😀🏖️", "no letter or digit"),
        ("\x00\x07\u200b", "no letter or digit"),
        ("x" * 10_000, "10,000 characters"),
        ("a\ud800b", "not valid Unicode"),
        ("Paris, Mars", "'mars' in place 'Paris, Mars' is no country"),
    ],
)
def test_what_is_no_name_is_refused(gazetteer: Gazetteer, text: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        gazetteer.find_places(text)


def test_control_characters_inside_a_name_are_blanks(gazetteer: Gazetteer) -> None:
    assert first(gazetteer, "new\x00york\n").name == "New York City"


def test_an_unknown_name_finds_nothing(gazetteer: Gazetteer) -> None:
    assert gazetteer.find_places("qqqqzzzz") == []


def test_the_nearest_place_says_how_far_and_which_way(gazetteer: Gazetteer) -> None:
    (near,) = gazetteer.nearest_place(27.65, 85.54)
    assert near is not None
    assert str(near) == "2.6 km NE of Banepā, NP"
    assert near.as_dict() == {"name": "Banepā", "country_code": "NP", "distance_m": 2613, "bearing": "NE"}


def test_the_nearest_place_is_the_nearest_everywhere(gazetteer: Gazetteer, places_folder: Path) -> None:
    rows = open_places(places_folder, print).execute("SELECT lat, lon FROM place WHERE kind = 'town'").fetchall()
    towns = np.array(rows)
    random = np.random.default_rng(0)
    lats = np.concatenate([np.degrees(np.arcsin(random.uniform(-1, 1, 12))), [90, -90, 0, 0, -17, 89.9]])
    lons = np.concatenate([random.uniform(-180, 180, 12), [0, 0, 180, -180, 180, -179.99]])
    for lat, lon, near in zip(lats, lons, gazetteer.nearest_place(lats, lons), strict=True):
        least = distance_m(lat=lat, lon=lon, lats=towns[:, 0], lons=towns[:, 1]).min()
        assert near is not None
        assert near.distance_m == pytest.approx(least, rel=0.005, abs=1)  # a sphere ranks, the ellipsoid measures


def test_an_unknown_point_has_no_nearest_place(gazetteer: Gazetteer) -> None:
    found = gazetteer.nearest_place([np.nan, 27.63, 1.0], [85.0, 85.52, np.inf])
    assert [near is None for near in found] == [True, False, True]
    assert gazetteer.nearest_place([], []) == []


def test_many_threads_ask_at_once(gazetteer: Gazetteer) -> None:
    found: list[str] = []

    def ask() -> None:
        for _ in range(10):
            found.append(first(gazetteer, "Paris").label)
            found.append(str(gazetteer.nearest_place(48.85, 2.35)[0]).split(" of ")[1])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert set(found) == {"Paris, France", "Paris, FR"}


def make_one(connection: sqlite3.Connection) -> Iterator[float]:
    yield 0.5
    connection.executescript("CREATE TABLE made (version TEXT); CREATE TABLE one (value); INSERT INTO one VALUES (1)")


@pytest.mark.parametrize("harm", ["cut short", "emptied", "text", "another version"])
def test_a_broken_file_is_made_again(tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    file, told = tmp_path / "new" / "one.sqlite", list[str]()
    file.parent.mkdir()
    file.with_name("one.sqlite.99999.partial").write_bytes(b"of a process that was killed")
    for _ in range(2):
        open_made(file, make_one, "one", told.append).close()
    assert told == ["making one", "making one: 50%"]
    content = file.read_bytes()
    if harm == "another version":
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE made SET version = 'old'")
        connection.close()
    else:
        file.write_bytes({"cut short": content[: len(content) // 2], "emptied": b"", "text": b"hello"}[harm])
    connection = open_made(file, make_one, "one", told.append)
    assert connection.execute("SELECT value FROM one").fetchall() == [(1,)]
    connection.close()
    assert told == ["making one", "making one: 50%"] * 2
    assert "made again" in caplog.text
    assert sorted(path.name for path in file.parent.iterdir()) == ["one.lock", "one.sha256", "one.sqlite"]


def test_a_flipped_bit_in_a_file_of_the_gazetteer_is_told(tmp_path: Path) -> None:
    file = tmp_path / "places.sqlite"
    open_made(file, make_one, "one", lambda _: None).close()
    assert damaged(tmp_path) == []
    content = bytearray(file.read_bytes())
    content[-7] ^= 16
    file.write_bytes(content)
    assert damaged(tmp_path) == ["places.sqlite"]


def test_a_failure_leaves_no_file_behind(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> Iterator[float]:
        yield from make_one(connection)
        raise OSError("disk full")

    with pytest.raises(GroundcastError, match="disk full"):
        open_made(tmp_path / "one.sqlite", fail, "one", print)
    assert [path.name for path in tmp_path.iterdir()] == ["one.lock"]


def test_a_table_that_turns_out_to_be_broken_is_made_again(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(copied / "places.sqlite") as connection:
        connection.execute("DROP TABLE points")
    connection.close()
    (near,) = Gazetteer(copied).nearest_place(27.63, 85.52)
    assert near is not None
    assert near.name == "Banepā"
    assert "no such table: points" in caplog.text


def test_two_processes_make_the_table_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ingest.places.gazetteer import Gazetteer\n"
        "print(Gazetteer(Path(sys.argv[1]), print).nearest_place(27.63, 85.52)[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "new")]
    ran = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in ran]
    assert [process.returncode for process in ran] == [0, 0]
    assert sum(line.count("seconds)\n") for line in said) == 1
    assert all("Banepā" in line for line in said)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GroundcastError, match="cannot be made"):
        Gazetteer(tmp_path / "file" / "places").nearest_place(0, 0)


def test_names_are_compared_without_case_accents_and_signs() -> None:
    assert normal("Łódź") == "lodz"
    assert normal("STRASSE") == normal("Straße")
    assert normal("Sol'deu") == "soldeu"
    assert normal("  Saint-Jean--d’Arc ") == "saint jean darc"
    assert normal("ガ") == normal("カ\u3099")
    assert normal("काठमाडौं") == "काठमाडौं"


def test_a_process_of_its_own_makes_the_files_and_when_ended_leaves_none(tmp_path: Path) -> None:
    gazetteer = Gazetteer(tmp_path)
    making = make_ahead(tmp_path)
    assert making is not None
    assert not gazetteer.ready
    making.stop()
    assert not making.running
    assert not list(tmp_path.glob("*.sqlite"))


def test_where_the_files_are_there_nothing_is_begun(gazetteer: Gazetteer, places_folder: Path, copied: Path) -> None:
    gazetteer.find_places("Paris", 1)
    assert make_ahead(places_folder) is None
    assert gazetteer.ready
    assert not Gazetteer(copied).ready, "its names are missing"
