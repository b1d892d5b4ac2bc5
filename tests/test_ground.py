"""The ground view: a tile and a moment in, photos with their credit out; filters, files and bad input."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.geo.geometry import Footprint, distance_m
from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.jobs.run import carry_out
from ingest.settings import Settings
from search_ui.ground.contact_sheet import caption, say_where
from search_ui.ground.gallery import PhotoFilter, licence_key, parse_hours, parse_months, read_gallery
from search_ui.ground.retrieval import GroundRetriever
from search_ui.ground.view import GroundQuery, GroundView, say_distance
from search_ui.maps.scales import MONTHS
from search_ui.search.engine import Engine
from search_ui.search.posterior import TEMPERATURE
from search_ui.search.series import calendar_moments
from tests.conftest import TINY_CLIP, Groundcast, Ran, make_raster
from tests.home_copy import whole_copy_of
from trainer.checkpoint import read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.errors import CatalogError, UsageError
from trainer.model import DynamicEncoder
from trainer.novelty import Novelty, write_novelty
from trainer.weights.zoo import add_open_clip

Ask = Callable[..., Ran]

# name, metres east and north of the tile's middle (None: no place), local time, UTC, owner, licence
PHOTOS: list[tuple[str, tuple[float, float] | None, str, str, str, str]] = [
    ("here", (2, -3), "2020-07-10T14:00:00", "", "Ana", "CC-BY-4.0"),
    ("beside", (0, 200), "2020-01-10T08:15:00", "", "Ben", "CC BY-SA 3.0"),
    ("far", (50_000, 0), "2019-07-01T23:30:00", "", "", "CC0-1.0"),
    ("formula", (0, 300), "2019-10-01T03:59:59", "", "=1+1", "https://creativecommons.org/licenses/by/2.0/"),
    ("nowhere", None, "2021-07-05T12:00:00", "", "Eve", ""),
    ("undated", (10, 900), "", "", "Fay", "CC BY 4.0"),
    ("by satellite", (10, 950), "", "2018-12-24T18:00:00Z", "Gil", "all rights reserved"),
]


def with_encoder(clip: Path, target: Path) -> Path:
    """The same towers with an encoder of place and time."""
    meta, tensors = read_meta(clip), read_tensors(clip)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        encoder = DynamicEncoder("cyclic", meta.dim).state_dict()
    tensors |= {f"encoder.{name}": 3 * value for name, value in encoder.items()}
    write_checkpoint(target, replace(meta, encoding="cyclic"), tensors)
    return target


def write_photos(folder: Path, middle: Footprint) -> Path:
    """The photos of `PHOTOS` around a place, and one in Australia's summer; returns the manifest."""
    folder.mkdir()
    random = np.random.default_rng(5)
    rows = [("path", "lat", "lon", "taken_local", "taken_utc", "owner", "licence")]
    for name, offset, local, utc, owner, licence in PHOTOS:
        lon, lat = ("", "") if offset is None else (float(v) for v in middle.to_lonlat(*offset))
        rows.append((f"{name}.jpg", str(lat), str(lon), local, utc, owner, licence))
    rows.append(("australia.jpg", "-34.0", "151.0", "2021-01-05T12:00:00", "", "Hal", "CC-BY-4.0"))
    for name, *_ in rows[1:]:
        blocks = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(np.repeat(np.repeat(blocks, 10, 0), 10, 1)).save(folder / name)
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return manifest


def ingest(home: Path, model: str, request: Request) -> None:
    settings = Settings(home=home, precision="float32")
    catalog = Catalog(settings.catalog_path)
    embedder = Embedder.load(settings.models_dir / model, precision="float32", device="cpu")
    catalog.add_model(model, embedder.model_id)
    carry_out(settings, catalog, request, embedder, lambda *_: lambda _: None)
    catalog.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model that knows time (m), collection `town` of 10 m tiles and gallery `walk`; photos beside it."""
    folder = tmp_path_factory.mktemp("ground")
    home = folder / "home"
    (home / "models").mkdir(parents=True)
    add_open_clip(folder / "clip", TINY_CLIP, random_seed=0)
    with_encoder(folder / "clip", home / "models" / "m")
    shutil.copytree(folder / "clip", home / "models" / "plain")
    raster = make_raster(folder / "town.tif", width=120, height=100)
    tiles = Request(kind="tiles", collection="town", source=str(raster), grid=Grid(size_m=10, stride_m=10))
    ingest(home, "m", tiles)
    tile_id, middle = a_tile(home)
    assert tile_id
    manifest = write_photos(folder / "photos", middle)
    ingest(home, "m", Request(kind="gallery", collection="gallery.walk", source=str(manifest)))
    return folder


def a_tile(home: Path) -> tuple[str, Footprint]:
    """The 20th tile of the collection."""
    table = Archive(Settings(home=home).archive_dir("town"), "tiles")
    part = table.read(table.parts()[0].stem).table
    row = part.slice(20, 1).to_pylist()[0]
    return row["tile_id"], Footprint(row["lat"], row["lon"], row["size_m"])


@pytest.fixture
def ask(world: Path, groundcast: Groundcast) -> Ask:
    """`groundcast ground` from the 20th tile of `town`."""

    def run(*options: object) -> Ran:
        return groundcast("--home", world / "home", "ground", "--collection", "town", *options)

    return run


@pytest.fixture
def look(world: Path) -> Any:
    """The view from that tile, without the command line."""
    settings = Settings(home=world / "home", precision="float32")
    catalog = Catalog(settings.catalog_path)
    ground = GroundRetriever(Engine(settings, catalog))

    def run(**asked: Any) -> GroundView:
        return ground.look("town", GroundQuery(tile_id=a_tile(world / "home")[0], **asked))

    yield run
    catalog.close()


def names(view: GroundView) -> set[str]:
    return {hit.photo_id.removesuffix(".jpg") for hit in view.hits}


def failed(ran: Ran, code: int, *words: str) -> None:
    """The command failed with one line that says these words, and printed nothing else."""
    assert ran.code == code, (ran.out, ran.err)
    last = [line for line in ran.err.splitlines() if line.startswith(("groundcast: ", "Error: "))]
    assert len(last) == 1, ran.err
    assert all(word in last[0] for word in words), last[0]
    assert "Traceback" not in ran.err


def test_where_imagery_is_unlike_what_was_learned_only_photos_taken_near_are_shown(world: Path, tmp_path: Path) -> None:
    home = whole_copy_of(world / "home", tmp_path / "home")
    dim = read_meta(home / "models" / "m").dim
    nothing = Novelty(np.zeros(dim, np.float32), np.zeros((1, dim), np.float32), 0.0)  # every tile is outside
    write_novelty(home / "models" / "m", nothing)
    tile_id, middle = a_tile(home)
    catalog = Catalog(Settings(home=home).catalog_path)
    ground = GroundRetriever(Engine(Settings(home=home, precision="float32"), catalog))
    view = ground.look("town", GroundQuery(tile_id=tile_id, k=50))
    assert names(view) == {"here", "beside", "formula", "undated", "by satellite"}
    assert "unlike what the model learned from (100% of its tiles" in str(view.note)
    elsewhere = write_photos(tmp_path / "photos", Footprint(middle.lat + 5, middle.lon, middle.size_m))
    ingest(home, "m", Request(kind="gallery", collection="gallery.elsewhere", source=str(elsewhere)))
    view = ground.look("town", GroundQuery(tile_id=tile_id, k=50), "elsewhere")
    assert (view.hits, view.candidates) == ([], 0)
    assert str(view.note).startswith("no gallery for this ground: no photo was taken within 25 km; this imagery is")
    catalog.close()


# -- when was it taken? ----------------------------------------------------------------------------------------------


def test_the_chances_of_a_photo_are_a_softmax_of_its_cosines_with_what_is_seen_then(ask, world) -> None:
    home, photo = world / "home", world / "photos" / "here.jpg"
    tile_id, footprint = a_tile(home)
    embedder = Embedder.load(home / "models" / "m", device="cpu", precision="float32")
    _, o = Archive(home / "archive" / "town", "tiles").find(tile_id)
    s = [embedder.at(o[None], lat=footprint.lat, lon=footprint.lon, when=one)[0] for one in calendar_moments(2025)]
    unit = np.array([one / np.linalg.norm(one) for one in s])
    with Image.open(photo) as picture:
        (vector,) = embedder.embed_photos([np.asarray(picture.convert("RGB"))])
    cosine = unit @ vector / np.linalg.norm(vector)
    told = ask("--tile", tile_id, "--photo", photo, "--when?", "--json").json()
    weight = np.exp((cosine - cosine.max()) / TEMPERATURE)
    assert np.array(told["chances"]).ravel() == pytest.approx(weight / weight.sum(), abs=2e-5)
    assert told["cosine"] == pytest.approx(cosine.max(), abs=2e-5)
    assert (told["tile_id"], told["collection"]) == (tile_id, "town")
    assert "fitted to the bundled model" in told["note"]  # this one is another


def test_when_a_photo_was_taken_is_printed_with_a_table_for_the_tile_of_a_place(ask, world) -> None:
    tile_id, middle = a_tile(world / "home")
    ran = ask("--at", f"{middle.lat},{middle.lon}", "--photo", world / "photos" / "here.jpg", "--when?")
    lines = ran.out.splitlines()
    assert tile_id in lines[0] and "here.jpg" in lines[0]
    assert [line.split()[0] for line in lines[-13:]] == [*MONTHS, "all"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--photo", "here.jpg", "--when?"], 2, ["needs the place where the photo was taken", "--at"]),
        (["--tile", "x", "--when?"], 2, ["--photo FILE"]),
        (["--tile", "x", "--photo", "here.jpg"], 2, ["--photo is for --when?", "search --photo"]),
        (["--tile", "x", "--photo", "here.jpg", "--when?", "--when", "2025-07"], 2, ["--when plays no part"]),
        (["--tile", "x", "--photo", "here.jpg", "--when?", "-k", "9"], 2, ["-k plays no part"]),
        (["--tile", "x", "--photo", "here.jpg", "--when?", "-o", "a.png"], 2, ["--output plays no part"]),
        (["--tile", "x", "--at", "1,1", "--photo", "here.jpg", "--when?"], 2, ["one of --tile and --at"]),
        (["--tile", "x", "--photo", "here.jpg", "--when?"], 1, ["has no tile 'x'"]),
        (["--at", "27.63,-85.5", "--photo", "here.jpg", "--when?"], 2, ["no tile of collection 'town' holds"]),
        (["--at", "27.63,85.5", "--photo", "gone.jpg", "--when?"], 1, ["gone.jpg", "does not exist"]),
        (["--at", "27.63,85.5", "--photo", "manifest.csv", "--when?"], 1, ["is no picture that can be read"]),
        (["--at", "27.63,85.5", "--photo", "large.png", "--when?"], 1, ["more than", "MP"]),
        (["--at", "27.63,85.5", "--photo", "grey.jpg", "--when?"], 2, ["grey.jpg is of one colour"]),
    ],
)
def test_asked_wrongly_when_a_photo_was_taken_is_one_line(ask, world, monkeypatch, options, code, words) -> None:
    monkeypatch.chdir(world / "photos")
    if "grey.jpg" in options:
        noise = np.random.default_rng(0).integers(126, 130, (40, 30), np.uint8)
        Image.fromarray(noise).save("grey.jpg", quality=95)
    if "large.png" in options:
        Image.new("L", (40, 30)).save("large.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    failed(ask(*options), code, *words)


def test_a_model_that_knows_no_time_and_a_gallery_cannot_tell_when(world, groundcast, tmp_path) -> None:
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    shutil.copytree(world / "home" / "models" / "plain", home / "models" / "plain")
    grid = Grid(size_m=30, stride_m=30)
    ingest(home, "plain", Request(kind="tiles", collection="town", source=str(world / "town.tif"), grid=grid))
    asked = ("ground", "--tile", "x", "--photo", world / "photos" / "here.jpg", "--when?", "--collection")
    failed(groundcast(*asked, "town"), 2, "knows no time, so it cannot tell when a photo was taken")
    failed(groundcast("--home", world / "home", *asked, "gallery.walk"), 2, "is a gallery")


# -- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [None, datetime(2025, 7, 14, 18), date(2025, 1, 15)])
def test_the_scores_are_the_cosines_of_o_plus_e_with_every_photo(look, world, when) -> None:
    home = world / "home"
    tile_id, footprint = a_tile(home)
    _, o = Archive(home / "archive" / "town", "tiles").find(tile_id)
    if when is not None:
        embedder = Embedder.load(home / "models" / "m", device="cpu")
        o = embedder.at(o[None], lat=footprint.lat, lon=footprint.lon, when=when)[0]
    photos = Archive(home / "archive" / "gallery.walk", "gallery")
    part = photos.read(photos.parts()[0].stem)
    vectors = part.vectors().astype(np.float64)
    cosine = vectors @ o / np.linalg.norm(vectors, axis=1) / np.linalg.norm(o)
    expected = dict(zip(part.table["photo_id"].to_pylist(), cosine, strict=True))
    view = look(when=when)
    assert [hit.photo_id for hit in view.hits] == sorted(expected, key=lambda name: -expected[name])
    assert [hit.cosine for hit in view.hits] == pytest.approx(sorted(expected.values(), reverse=True), abs=2e-5)
    assert [hit.rank for hit in view.hits] == list(range(1, 9))
    assert (view.photos, view.candidates) == (8, 8)


def test_another_moment_gives_other_scores(look) -> None:
    by_day, by_night = look(when=datetime(2025, 7, 14, 14)), look(when=datetime(2025, 1, 14, 2))
    assert [hit.cosine for hit in by_day.hits] != [hit.cosine for hit in by_night.hits]


def test_every_photo_says_how_far_it_was_and_whether_in_the_tile(look) -> None:
    hits = {hit.photo_id.removesuffix(".jpg"): hit for hit in look().hits}
    assert hits["here"].here is True
    assert hits["here"].distance_m == pytest.approx(np.hypot(2, 3), abs=0.1)
    assert hits["beside"].here is False
    assert hits["beside"].distance_m == pytest.approx(200, abs=0.2)
    assert hits["far"].distance_m == pytest.approx(50_000, rel=1e-3)
    assert (hits["nowhere"].here, hits["nowhere"].distance_m) == (None, None)
    assert say_where(hits["nowhere"]) == "place unknown"
    assert say_where(hits["here"]) == "taken here, 4 m away"
    assert say_where(hits["far"]) == "taken elsewhere, 50.0 km away"


def test_a_photo_says_whose_it_is_and_when_it_was_taken_or_that_it_is_not_known(look) -> None:
    said = {hit.photo_id.removesuffix(".jpg"): caption(hit)[2:] for hit in look().hits}
    assert said["here"] == ["photo: Ana · CC-BY-4.0", "10 July 2020, 14:00"]
    assert said["far"] == ["photo: owner unknown · CC0-1.0", "1 July 2019, 23:30"]
    assert said["undated"] == ["photo: Fay · CC BY 4.0", "date unknown"]
    assert said["by satellite"] == ["photo: Gil · all rights reserved", "24 December 2018, 18:00 UTC"]
    assert said["nowhere"][0] == "photo: Eve · licence unknown"


def test_a_place_looks_from_the_tile_that_holds_it(ask, look, world) -> None:
    _, middle = a_tile(world / "home")
    lon, lat = (float(v) for v in middle.to_lonlat(3, 4))
    ran = ask("--at", f"{lat:.7f},{lon:.7f}", "--json")
    answer = ran.json()
    assert answer["tile_id"] == a_tile(world / "home")[0]
    assert {hit["photo_id"]: hit["cosine"] for hit in answer["hits"]} == {h.photo_id: h.cosine for h in look().hits}
    here = next(hit for hit in answer["hits"] if hit["photo_id"] == "here.jpg")
    assert here["distance_m"] == pytest.approx(np.hypot(1, 7), abs=0.2)


def test_a_place_outside_the_collection_says_how_far_the_nearest_tile_is(ask, world) -> None:
    failed(ask("--at", "27.63,-85.5"), 2, "no tile of collection 'town' holds 27.63000, -85.50000", "km away at 27.")
    _, middle = a_tile(world / "home")
    lon, lat = (float(v) for v in middle.to_lonlat(0, 1000))
    failed(ask("--at", f"{lat},{lon}"), 2, "the nearest, g10-s10-", " m away at 27.")
    lats, lons = [middle.lat], [middle.lon]
    assert distance_m(lat=lat, lon=lon, lats=lats, lons=lons)[0] == pytest.approx(1000, rel=1e-3)


def test_the_json_is_one_document_with_credit_and_provenance(ask, world) -> None:
    ran = ask("--tile", a_tile(world / "home")[0], "--when", "2025-07-14T18", "--json")
    answer = ran.json()
    assert answer["query"] == {"tile": a_tile(world / "home")[0], "when": "2025-07-14T18:00:00", "k": 9}
    assert (answer["collection"], answer["gallery"], answer["method"]) == ("town", "walk", "exact")
    assert answer["tile"]["size_m"] == 10
    assert answer["note"] is None
    first = answer["hits"][0]
    assert {"rank", "photo_id", "cosine", "distance_m", "here", "owner", "licence", "taken_local"} <= set(first)


# -- filters ---------------------------------------------------------------------------------------------------------


def test_a_distance_keeps_what_is_near_and_tells_how_many_have_no_place(look) -> None:
    view = look(photos=PhotoFilter(within_m=250))
    assert names(view) == {"here", "beside"}
    assert (view.candidates, view.unknown) == (2, {"place": 1})
    assert "1 of 8 have no known place: a filter never matches what is not known" in view.note


def test_a_season_is_that_of_the_photos_own_hemisphere(look) -> None:
    view = look(photos=PhotoFilter(seasons=frozenset({"summer"})))
    assert names(view) == {"here", "far", "australia"}
    assert view.unknown == {"place": 1, "date": 1}
    assert names(look(photos=PhotoFilter(seasons=frozenset({"winter"})))) == {"beside", "by satellite"}


def test_months_are_those_of_the_camera_or_of_utc_where_that_alone_is_known(look) -> None:
    assert names(look(photos=PhotoFilter(months=frozenset({7})))) == {"here", "far", "nowhere"}
    assert names(look(photos=PhotoFilter(months=frozenset({12, 1})))) == {"beside", "australia", "by satellite"}
    assert look(photos=PhotoFilter(months=frozenset({7}))).unknown == {"date": 1}


def test_hours_may_run_over_midnight_and_need_the_cameras_clock(look) -> None:
    view = look(photos=PhotoFilter(hours=(22, 4)))
    assert names(view) == {"far", "formula"}
    assert view.unknown == {"hour": 2}
    assert names(look(photos=PhotoFilter(hours=(8, 14)))) == {"beside", "nowhere", "australia"}


def test_a_licence_without_a_version_means_any_version_and_no_stricter_one(look) -> None:
    view = look(photos=PhotoFilter(licences=("CC-BY",)))
    assert names(view) == {"here", "formula", "undated", "australia"}
    assert view.unknown == {"licence": 1}
    assert names(look(photos=PhotoFilter(licences=("cc by 4.0",)))) == {"here", "undated", "australia"}
    assert names(look(photos=PhotoFilter(licences=("CC0", "CC-BY-SA")))) == {"far", "beside"}


def test_filters_act_together_and_an_empty_answer_says_why(look) -> None:
    both = PhotoFilter(within_m=1000, months=frozenset({7}), licences=("CC-BY",))
    assert names(look(photos=both)) == {"here"}
    none = look(photos=PhotoFilter(licences=("MIT",)))
    assert none.hits == []
    assert "none of the 8 photos matches the filter" in none.note
    assert "the gallery's licences are CC-BY-4.0, " in none.note


def test_a_photo_that_is_filtered_away_makes_room_for_the_next(look) -> None:
    everything = [hit.photo_id for hit in look().hits]
    kept = [name for name in everything if name in {"here.jpg", "undated.jpg", "formula.jpg", "australia.jpg"}]
    assert [hit.photo_id for hit in look(k=2, photos=PhotoFilter(licences=("CC-BY",))).hits] == kept[:2]


def test_licences_are_the_same_however_they_are_written() -> None:
    same = [
        "CC-BY-SA-4.0",
        "cc by-sa 4.0",
        "CC BY SA 4.0 International",
        "http://creativecommons.org/licenses/by-sa/4.0/",
    ]
    assert {licence_key(text) for text in same} == {("ccbysa", "4.0")}
    assert licence_key("https://creativecommons.org/publicdomain/zero/1.0/") == licence_key("CC0-1.0")
    assert licence_key("CC-BY") == ("ccby", None)
    assert licence_key("All rights reserved") == ("allrightsreserved", None)


def test_months_and_hours_as_people_write_them() -> None:
    assert parse_months("6-8,12") == {6, 7, 8, 12}
    assert parse_months("nov-feb") == {11, 12, 1, 2}
    assert parse_months("July") == {7}
    assert parse_hours("22-4") == (22, 4)
    assert parse_hours("6:30-8") == (6.5, 8)


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--tile", "g10-s10-r0-c0"], 1, ["no tile 'g10-s10-r0-c0'"]),
        (["--tile", ""], 1, ["no tile ''"]),
        ([], 2, ["one of --tile and --at"]),
        (["--tile", "x", "--at", "1,2"], 2, ["one of --tile and --at"]),
        (["--at", "91,0"], 2, ["91"]),
        (["--at", "nan,0"], 2, ["nan"]),
        (["--at", "here"], 2, ["'here' is no place"]),
        (["--tile", "x", "-k", "0"], 2, ["k = 0 is outside 1..10000"]),
        (["--tile", "x", "-k", "10000000"], 2, ["k = 10000000 is outside"]),
        (["--tile", "x", "--gallery", "other"], 1, ["no gallery 'other'", "have: walk"]),
        (["--tile", "x", "--gallery", "../x"], 2, ["cannot be a name"]),
        (["--tile", "x", "--when", "2025-02-30"], 2, ["2025-02-30"]),
        (["--tile", "x", "--when", "2025-07-14T24"], 2, ["2025-07-14T24"]),
        (["--tile", "x", "--within-km", "0"], 2, ["within 0 km"]),
        (["--tile", "x", "--within-km", "nan"], 2, ["within nan km"]),
        (["--tile", "x", "--season", "monsoon"], 2, ["'monsoon' is unknown", "spring"]),
        (["--tile", "x", "--months", "13"], 2, ["'13' cannot be read"]),
        (["--tile", "x", "--months", ""], 2, ["cannot be read"]),
        (["--tile", "x", "--hours", "8"], 2, ["'8' cannot be read"]),
        (["--tile", "x", "--hours", "8-25"], 2, ["from 0 to 24"]),
        (["--tile", "x", "--hours", "8-8"], 2, ["must differ"]),
        (["--tile", "x", "--licence", " "], 2, ["an empty licence"]),
        (["--tile", "x", "-o", "sheet.pdf"], 2, ["'sheet.pdf'", ".png"]),
        (["--tile", "x", "-o", "no/folder/sheet.png"], 2, ["does not exist"]),
        (["--tile", "x", "-k", "101", "-o", "sheet.png"], 2, ["at most 100 photos"]),
    ],
)
def test_wrong_usage_is_one_line(ask, options, code, words) -> None:
    failed(ask(*options), code, *words)


def test_without_a_gallery_it_says_how_to_make_one(world, groundcast, tmp_path) -> None:
    raster = world / "town.tif"
    (tmp_path / "home" / "models").mkdir(parents=True)
    shutil.copytree(world / "home" / "models" / "plain", tmp_path / "home" / "models" / "plain")
    request = Request(kind="tiles", collection="c", source=str(raster), grid=Grid(size_m=30, stride_m=30))
    ingest(tmp_path / "home", "plain", request)
    failed(groundcast("ground", "--collection", "c", "--tile", "x"), 1, "no gallery here", "groundcast photos")
    failed(groundcast("ground", "--collection", "d", "--tile", "x"), 1, "no collection 'd'")


def test_a_gallery_of_another_model_is_refused_and_a_choice_is_asked_for(world, groundcast, tmp_path) -> None:
    whole_copy_of(world / "home", tmp_path / "home")
    manifest = str(world / "photos" / "manifest.csv")
    ingest(tmp_path / "home", "plain", Request(kind="gallery", collection="gallery.other", source=manifest))
    tile = a_tile(world / "home")[0]
    command = ("ground", "--collection", "town", "--tile", tile)
    failed(groundcast(*command), 2, "several galleries here (other, walk)", "--gallery")
    ran = groundcast(*command, "--gallery", "other")
    failed(ran, 1, "gallery 'other' was made with model", "--model m")
    assert groundcast(*command, "--gallery", "walk").code == 0
    assert groundcast(*command, "--gallery", "gallery.walk").code == 0
    failed(groundcast("ground", "--collection", "gallery.walk", "--tile", tile), 2, "is a gallery")


def test_a_moment_for_a_model_that_knows_no_time_is_said_and_passed_over(world, groundcast, tmp_path) -> None:
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    shutil.copytree(world / "home" / "models" / "plain", home / "models" / "plain")
    grid = Grid(size_m=10, stride_m=10)
    ingest(home, "plain", Request(kind="tiles", collection="town", source=str(world / "town.tif"), grid=grid))
    manifest = str(world / "photos" / "manifest.csv")
    ingest(home, "plain", Request(kind="gallery", collection="gallery.walk", source=manifest))
    command = ("ground", "--collection", "town", "--tile", a_tile(home)[0], "--json")
    still, asked = groundcast(*command).json(), groundcast(*command, "--when", "2025-07-14T18").json()
    assert asked["hits"] == still["hits"]
    assert "knows no time" in asked["note"]
    assert asked["when"] is None


def test_a_value_that_makes_no_sense_is_refused_without_the_command_line_too() -> None:
    for wrong in ({"k": 0}, {"k": 10**7}, {"when": datetime(2025, 1, 1, tzinfo=UTC)}, {"place": (95.0, 0.0)}):
        with pytest.raises(UsageError):
            GroundQuery(**({"place": (1.0, 2.0)} | wrong))
    with pytest.raises(UsageError):
        PhotoFilter(months=frozenset({0}))
    with pytest.raises(UsageError):
        PhotoFilter(within_m=-1)


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_sheet_shows_the_photos_and_carries_its_provenance(ask, world, tmp_path) -> None:
    target = tmp_path / "sheet.png"
    ran = ask("--tile", a_tile(world / "home")[0], "--when", "T18", "-o", target)
    assert ran.code == 0, ran.err
    assert f"wrote {target}" in ran.err
    with Image.open(target) as sheet:
        assert json.loads(sheet.text["provenance"])["query"]["when"] == "18:00:00"
        shown = np.asarray(sheet.convert("RGB"))
    hit = ran.out.splitlines()[1].split()[-1]  # the best photo is in the first cell
    first = np.asarray(Image.open(world / "photos" / hit).resize((100, 75))).astype(float)
    top = 150  # the headings end above it
    found = min(
        np.abs(np.asarray(Image.fromarray(shown[y : y + 300, 28:428]).resize((100, 75))).astype(float) - first).mean()
        for y in range(60, top)
    )
    assert found < 12
    assert list(tmp_path.glob(".*")) == []


def test_a_photo_whose_file_is_gone_is_a_field_that_says_so(world, groundcast, tmp_path) -> None:
    whole_copy_of(world / "home", tmp_path / "home")
    shutil.copytree(world / "photos", tmp_path / "photos")
    content = (tmp_path / "photos" / "here.jpg").read_bytes()
    with (tmp_path / "photos" / "manifest.csv").open("a") as file:
        file.write("extra.jpg,1,2,,,,\n")
    shutil.copy(tmp_path / "photos" / "here.jpg", tmp_path / "photos" / "extra.jpg")
    manifest = str(tmp_path / "photos" / "manifest.csv")
    ingest(tmp_path / "home", "m", Request(kind="gallery", collection="gallery.town", source=manifest))
    (tmp_path / "photos" / "far.jpg").unlink()
    (tmp_path / "photos" / "here.jpg").write_bytes(content[: len(content) // 2])
    tile = a_tile(world / "home")[0]
    ran = groundcast("ground", "--collection", "town", "--tile", tile, "-o", tmp_path / "sheet.png")
    assert ran.code == 0, ran.err
    assert "photo far.jpg: " in ran.err and "does not exist" in ran.err
    assert "photo here.jpg: " in ran.err and "truncated" in ran.err
    assert len(ran.out.splitlines()) == 1 + 9  # the two are still in the answer
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 1000


def test_a_sheet_without_photos_says_so(ask, world, tmp_path) -> None:
    ran = ask("--tile", a_tile(world / "home")[0], "--licence", "MIT", "-o", tmp_path / "sheet.png")
    assert ran.code == 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_files_hold_what_the_screen_says(ask, world, tmp_path) -> None:
    tile = a_tile(world / "home")[0]
    paths = {suffix: tmp_path / f"hits{suffix}" for suffix in (".json", ".csv", ".geojson")}
    for path in paths.values():
        assert ask("--tile", tile, "-o", path).code == 0
    document = json.loads(paths[".json"].read_text("utf-8"))
    order = [hit["photo_id"] for hit in document["hits"]]
    assert document["provenance"]["tile_id"] == tile
    with paths[".csv"].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo_id"] for row in rows] == order
    assert {row["owner"] for row in rows} >= {"'=1+1", "Ana"}  # nothing that a spreadsheet would compute
    assert json.loads(rows[0]["provenance"])["gallery"] == "walk"
    features = json.loads(paths[".geojson"].read_text("utf-8"))["features"]
    assert [feature["id"] for feature in features] == order
    places = {feature["id"]: feature["geometry"] for feature in features}
    assert places["nowhere.jpg"] is None
    assert places["australia.jpg"]["coordinates"] == [151.0, -34.0]


def test_the_command_line_tells_where_whose_and_when(ask, world) -> None:
    ran = ask("--tile", a_tile(world / "home")[0], "--within-km", "1")
    assert ran.code == 0, ran.err
    assert "taken here, 4 m away" in ran.out
    assert "photo: Ana · CC-BY-4.0" in ran.out
    assert "1 of 8 have no known place" in ran.out
    assert "exact, 5 of 8 photos" in ran.err


# -- keeping up ------------------------------------------------------------------------------------------------------


def test_new_photos_are_seen_by_the_next_question(world, tmp_path) -> None:
    whole_copy_of(world / "home", tmp_path / "home")
    shutil.copytree(world / "photos", tmp_path / "photos")
    manifest = tmp_path / "photos" / "manifest.csv"
    request = Request(kind="gallery", collection="gallery.town", source=str(manifest))
    ingest(tmp_path / "home", "m", request)
    settings = Settings(home=tmp_path / "home", precision="float32")
    catalog = Catalog(settings.catalog_path)
    ground = GroundRetriever(Engine(settings, catalog))
    query = GroundQuery(tile_id=a_tile(world / "home")[0], k=100)
    assert len(ground.look("town", query).hits) == 8
    Image.new("RGB", (50, 50), "red").save(tmp_path / "photos" / "new.jpg")
    with manifest.open("a", encoding="utf-8") as file:
        file.write("new.jpg,27.6,85.5,,,Ida,CC0\n")
    ingest(tmp_path / "home", "m", request)
    assert "new" in names(ground.look("town", query))
    catalog.close()


@pytest.fixture
def by_hand(world: Path, tmp_path: Path) -> Any:
    """Makes collections from records: called with the rows of tiles and of photos, it looks at places."""
    shutil.copytree(world / "home" / "models" / "m", tmp_path / "home" / "models" / "m")
    settings = Settings(home=tmp_path / "home", precision="float32")
    catalog = Catalog(settings.catalog_path)
    model_id = read_meta(tmp_path / "home" / "models" / "m").model_id
    catalog.add_model("m", model_id)
    random = np.random.default_rng(7)

    def make(name: str, kind: Any, records: list[dict[str, Any]]) -> None:
        spec = {"source": "made by hand", "options": {}, "largest_tile_m": 480.0}
        catalog.add_collection(Collection(name, kind, model_id, 32, spec, datetime.now(UTC)))
        if records:
            vectors = random.standard_normal((len(records), 32)).astype(np.float32)
            Archive(settings.archive_dir(name), kind).write("k", records, vectors, {})

    def run(tiles: list[tuple[float, float]], taken_at: list[tuple[float, float]], **asked: Any) -> GroundView:
        unknown = {"acquired_at": None, "gsd_m": None, "valid_fraction": 1.0, "origin": "by hand"}
        where = [{"tile_id": f"t{i}", "lat": lat, "lon": lon, "size_m": 480.0} for i, (lat, lon) in enumerate(tiles)]
        make("c", "tiles", [place | unknown for place in where])
        rest = dict.fromkeys(("taken_local", "taken_utc", "url", "owner", "licence", "heading_deg"))
        taken = [{"photo_id": f"p{i}", "lat": lat, "lon": lon, "path": "p"} for i, (lat, lon) in enumerate(taken_at)]
        make("gallery.c", "gallery", [place | rest for place in taken])
        return GroundRetriever(Engine(settings, catalog)).look("c", GroundQuery(**asked))

    yield run
    catalog.close()


def test_a_tile_across_the_antimeridian_holds_the_places_on_both_sides(by_hand) -> None:
    tiles, taken_at = [(10.0, 179.999), (10.0, 179.99)], [(10.0, -179.9999), (10.0, 179.998), (10.0, -170.0)]
    view = by_hand(tiles, taken_at, place=(10.0, -179.9995), photos=PhotoFilter(within_m=1000))
    assert view.tile_id == "t0"
    assert {hit.photo_id: hit.here for hit in view.hits} == {"p0": True, "p1": True}
    assert all(hit.distance_m < 300 for hit in view.hits)


def test_of_tiles_that_overlap_the_one_whose_middle_is_nearest_counts(by_hand) -> None:
    assert by_hand([(10.0, 20.0), (10.001, 20.0)], [(10.0, 20.0)], place=(10.0009, 20.0)).tile_id == "t1"


def test_places_at_a_pole_have_a_tile(by_hand) -> None:
    view = by_hand([(89.999, 0.0), (10.0, 20.0)], [(89.9995, 170.0)], place=(90.0, 77.0))
    assert view.tile_id == "t0"
    assert view.hits[0].here is True


def test_an_empty_gallery_says_so(by_hand) -> None:
    view = by_hand([(10.0, 20.0)], [], place=(10.0, 20.0))
    assert view.hits == []
    assert "the gallery is empty" in view.note


def test_an_empty_collection_says_so(by_hand) -> None:
    with pytest.raises(CatalogError, match="collection 'c' is empty"):
        by_hand([], [(10.0, 20.0)], place=(10.0, 20.0))


def test_every_photo_is_in_the_gallery_once_and_an_empty_folder_is_an_empty_gallery(world) -> None:
    gallery = read_gallery(Archive(world / "home" / "archive" / "gallery.walk", "gallery"))
    assert len(gallery) == 8
    assert gallery.licences()[0] == "CC-BY-4.0"
    empty = read_gallery(Archive(world / "nothing", "gallery"))
    assert len(empty) == 0


def test_distances_for_people() -> None:
    assert [say_distance(m) for m in (0.4, 85.2, 999.4, 999.6, 12_340, 812_000)] == [
        "0 m", "85 m", "999 m", "1.0 km", "12.3 km", "812 km",
    ]  # fmt: skip
