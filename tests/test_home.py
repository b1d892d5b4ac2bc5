"""A home in Python: answers of the command line as tables, maps, calendars and photos; bad input; several at once."""

import json
import logging
import pickle
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import rasterio
import shapely
from PIL import Image

import groundcast as gc
from groundcast.words import in_python
from search_ui.cli import main
from tests.conftest import make_raster
from tests.home_copy import whole_copy_of

TEXT, SUMMER = "people swimming at a sandy beach", "2025-07-12T14"


@pytest.fixture(scope="module")
def home(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gc.Home]:
    with gc.open(whole_copy_of(small_home, tmp_path_factory.mktemp("home") / "copy")) as opened:
        yield opened


@pytest.fixture(scope="module")
def demo(home: gc.Home) -> gc.TileCollection:
    return home["demo"]


@pytest.fixture
def own(small_home: Path, tmp_path: Path) -> Path:
    """A copy of the home, to be changed."""
    return whole_copy_of(small_home, tmp_path / "own")


def printed(capfd: pytest.CaptureFixture[str], home: gc.Home, *arguments: object) -> Any:
    """What the command line prints as JSON."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main(["--home", str(home.path), *map(str, arguments), "--json"])
    out, err = capfd.readouterr()
    assert not exit_.value.code, err
    return json.loads(out)


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ()),
        ({"when": "2025-07", "k": 3}, ("--when", "2025-07", "-k", "3")),
        (
            {"when": datetime(2025, 7, 12, 14), "near": (27.6285, 85.48, 0.02), "also": "a road^2", "not_": ["snow"]},
            ("--when", SUMMER, "--near", "27.6285,85.48,0.02", "--also", "a road^2", "--not", "snow"),
        ),
        ({"bbox": (0, 0, 1, 1)}, ("--bbox", "0,0,1,1")),
    ],
)
def test_a_search_answers_what_the_command_line_answers(home, demo, capfd, options, arguments) -> None:
    answer = printed(capfd, home, "search", TEXT, "--collection", "demo", *arguments)
    frame = demo.search(TEXT, **options)
    table = demo.search(TEXT, as_="arrow", **options)
    assert len(frame) == table.num_rows == len(answer["hits"])
    for row, hit in zip(table.to_pylist(), answer["hits"], strict=True):
        said = hit["likeliest"] and hit["likeliest"]["says"]
        assert {name: row[name] for name in hit if name not in ("bbox", "likeliest")} == {
            name: value for name, value in hit.items() if name not in ("bbox", "likeliest")
        }
        assert ([row[side] for side in ("west", "south", "east", "north")], row["likeliest"]) == (hit["bbox"], said)
    told = frame.attrs["provenance"]
    assert json.loads(table.schema.metadata[b"provenance"])["query"] == told["query"] == answer["query"]
    assert (told["method"], told["candidates"]) == (answer["method"], answer["candidates"])
    assert told["note"] == answer.get("note")


def test_a_frame_lies_where_its_tiles_do_and_can_be_written(demo, tmp_path) -> None:
    frame = demo.search(TEXT, when=SUMMER)
    assert isinstance(frame, geopandas.GeoDataFrame) and frame.crs == "EPSG:4326"
    assert np.allclose(frame.bounds.to_numpy(), frame[["west", "south", "east", "north"]].to_numpy())
    assert frame.to_crs(frame.estimate_utm_crs()).area.to_numpy() == pytest.approx(100, rel=0.01)
    frame.to_parquet(tmp_path / "hits.parquet")
    assert geopandas.read_parquet(tmp_path / "hits.parquet").attrs == frame.attrs
    arrow = geopandas.GeoDataFrame.from_arrow(demo.search(TEXT, when=SUMMER, as_="arrow"))
    assert arrow.crs == "OGC:CRS84" and arrow.geometry.tolist() == frame.geometry.tolist()


def test_scores_are_of_every_tile_and_hold_the_hits(demo) -> None:
    scores, hits = demo.scores(TEXT, when=SUMMER), demo.search(TEXT, when=SUMMER, k=100, overlapping=True)
    assert len(scores) == len(hits) == 30
    ranked = scores.sort_values("cosine", ascending=False)
    assert ranked.tile_id.tolist() == hits.tile_id.tolist()
    assert ranked.cosine.to_numpy() == pytest.approx(hits.cosine.to_numpy(), abs=1e-5)
    ids, vectors = demo.vectors()
    assert ids == scores.tile_id.tolist() and (vectors.shape, vectors.dtype) == ((30, 32), np.float32)
    assert not np.allclose(vectors, demo.vectors(when=SUMMER)[1])


@pytest.mark.parametrize("minus", [None, "2025-01"])
def test_a_map_is_the_first_band_of_its_file(demo, tmp_path, minus) -> None:
    drawn = demo.map(TEXT, when=SUMMER, minus_when=minus)
    with rasterio.open(drawn.save(tmp_path / "map.tif")) as file:
        assert np.array_equal(file.read(1), drawn.array, equal_nan=True)
        assert (file.transform, file.crs) == (drawn.transform, rasterio.CRS.from_string(drawn.crs))
    assert drawn._repr_png_() == drawn.save(tmp_path / "map.png").read_bytes()
    shown = demo.map(TEXT, when=SUMMER, minus_when=minus, value="relevance")
    assert shown.array.shape == drawn.array.shape and not np.array_equal(shown.array, drawn.array, equal_nan=True)
    assert f"{drawn.array.shape[1]} × {drawn.array.shape[0]} pixels" in repr(drawn)


def test_a_calendar_is_that_of_the_command_line(home, demo, capfd, tmp_path) -> None:
    said = printed(capfd, home, "calendar", TEXT, "--collection", "demo", "--year", "2025", "--top", "3")
    calendar = demo.calendar(TEXT, year=2025, top=3)
    assert calendar.as_dict() == said
    assert calendar.cosine.shape == (12, 24) and calendar.cosine.max() == calendar.cosine[calendar.best[0] - 1].max()
    assert calendar._repr_png_() == calendar.save(tmp_path / "when.png").read_bytes()


def test_the_ground_is_that_of_the_command_line_with_its_pictures(home, demo, capfd, tmp_path) -> None:
    tile = demo.search(TEXT, k=1).tile_id[0]
    said = printed(capfd, home, "ground", "--tile", tile, "--collection", "demo", "--when", SUMMER, "--months", "6-8")
    photos = demo.ground(tile, when=SUMMER, months=[6, 7, 8])
    assert photos.view.as_dict() == said and photos.note == said["note"]
    assert [picture.size for picture in demo.ground(tile).pictures(64)] == [(64, 48)] * 8
    assert photos[0].rank == 1 and len(photos[:2]) == 2
    with Image.open(photos.save(tmp_path / "nine.png")) as sheet:
        assert sheet.width > 1000 and (photos._repr_jpeg_() or b"")[:2] == b"\xff\xd8"
    table = demo.ground(tile).table()
    assert table.crs == "EPSG:4326" and int(table.geometry.isna().sum()) == 1  # one photo has no place
    assert demo.ground(at=(photos.view.lat, photos.view.lon)).view.tile_id == tile


def test_a_photo_whose_file_is_gone_leaves_a_gap_and_is_logged(small_home, own, caplog) -> None:
    with gc.open(own) as opened:
        tiles = opened["demo"]
        photos = tiles.ground(tiles.search(TEXT, k=1).tile_id[0])
        photos._photo = lambda gallery, photo, px: tiles._photo("nowhere" if px == 17 else gallery, photo, px)
        gone = Path(photos[0].path)
        moved = gone.rename(gone.with_suffix(".moved"))
        try:
            pictures = list(photos.pictures(48))
        finally:
            moved.rename(gone)
    assert pictures[0] is None and None not in pictures[1:]
    assert photos[0].photo_id in caplog.text


def test_a_question_may_be_a_picture_as_an_array(demo, tmp_path) -> None:
    picture = demo.picture(demo.search(TEXT, k=1).tile_id[0], px=64).convert("RGB")
    picture.save(tmp_path / "crop.png")
    asked = [demo.search(image=image) for image in (np.asarray(picture), picture, str(tmp_path / "crop.png"))]
    assert asked[0].tile_id.tolist() == asked[1].tile_id.tolist() == asked[2].tile_id.tolist()
    with pytest.raises(gc.UsageError, match=r"image is float64 \[64, 64, 3\]"):
        demo.search(image=np.asarray(picture) / 255)


def test_what_would_be_taken_for_something_else_is_refused(home, demo, tmp_path) -> None:
    for options, said in (
        ({"overlapping": "no"}, "overlapping = 'no': give True or False"),
        ({"ensemble": 2}, "ensemble = 2: give True or False"),
    ):
        with pytest.raises(gc.UsageError, match=said):
            demo.search(TEXT, **options)
    assert len(demo.search(TEXT, overlapping=np.True_, k=2)) == 2
    with pytest.raises(gc.UsageError, match="there is no argument 'when': there are"):
        demo.calendar(TEXT, when=SUMMER)
    with pytest.raises(gc.UsageError, match="path = None: give the path of a file"):
        demo.map(TEXT).save(None)
    with pytest.raises(gc.UsageError, match="tile = 3 is no text"):
        demo.picture(3)
    for tell in (demo.labels.read, demo.labels.delete, lambda name: demo.labels.say(name, ["x"], "yes")):
        with pytest.raises(gc.UsageError, match="name = None is no text"):
            tell(None)
    for held in (home, demo, demo.labels):
        with pytest.raises(TypeError, match=r"cannot be pickled.*send its path and open it there"):
            pickle.dumps(held)


def test_moments_may_be_what_python_has_for_them(demo) -> None:
    def asked(when: object) -> Any:
        return demo.search(TEXT, when=when).attrs["provenance"]["query"].get("when")

    assert asked(None) is None
    assert {asked(when) for when in ("2025-07", np.datetime64("2025-07"))} == {"2025-07"}
    assert asked(date(2025, 7, 15)) == "2025-07-15"
    hour = datetime(2025, 7, 12, 14)
    whens = (hour, pd.Timestamp(hour), np.datetime64("2025-07-12T14"), SUMMER)
    assert {asked(when) for when in whens} == {"2025-07-12T14:00:00"}
    assert asked(time(14)) == asked("T14")
    for wrong in ("soon", "2025-13", 2025, pd.NaT, np.datetime64("NaT"), pd.Timestamp(hour, tz="UTC")):
        with pytest.raises(gc.UsageError, match=r"moment|NaT"):
            asked(wrong)


def test_areas_may_be_what_python_has_for_them(demo, tmp_path) -> None:
    first = demo.search(TEXT, k=1)
    inner = first.to_crs(32645).buffer(-1)
    inner.to_crs(4326).to_file(tmp_path / "area.geojson")
    shapes = (inner, inner.to_crs(3857).to_frame("geometry"), inner.to_crs(4326).iloc[0], tmp_path / "area.geojson")
    for shape in shapes:
        assert demo.search(TEXT, area=shape).tile_id.tolist() == first.tile_id.tolist()
    assert len(demo.search(TEXT, bbox=first.total_bounds)) >= 1
    for wrong, said in (
        (shapely.Point(85.48, 27.62), "no polygon"),
        (shapely.box(500_000, 10, 500_100, 20), "not in degrees"),
        (geopandas.GeoSeries([shapely.box(0, 0, 1, 1)]), "no reference system"),
        (7, "the area is 7"),
        (tmp_path / "no.geojson", "does not exist"),
    ):
        with pytest.raises(gc.AreaError, match=said):
            demo.search(TEXT, area=wrong)


# -- what cannot be asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"near": (27.6, 85.5, 5), "bbox": (1, 2, 3, 4)}, "bbox and near: give one"),
        ({"k": 0}, "k = 0"),
        ({"k": 2.5}, "k = 2.5"),
        ({"k": True}, "k = True"),
        ({"min_relevance": float("nan")}, "minimum relevance nan"),
        ({"wen": "2025"}, "did you mean 'when'"),
        ({"bounding": 1}, "there are also, not_, image"),
        ({"near": ("a", 1, 2)}, "near = "),
        ({"bbox": [float("nan")] * 4}, "cannot be understood"),
        ({"as_": "pandas"}, "as_='pandas'"),
        ({"also": ["a", 5]}, "also = 5"),
        ({"acquired_from": pd.NaT}, "acquired_from = NaT"),
        ({"acquired_from": "2025-02-02", "acquired_to": date(2024, 1, 1)}, "run backwards"),
    ],
)
def test_what_cannot_be_understood_is_said_with_its_value(demo, options, said) -> None:
    with pytest.raises(gc.UsageError, match=said):
        demo.search("a ferry", **options)


def test_messages_name_arguments_and_leave_commands_alone(demo) -> None:
    with pytest.raises(gc.UsageError, match=r"give a text, image, photo or tile\. not_ only takes away"):
        demo.search(not_="snow")
    with pytest.raises(gc.UsageError, match="text = "):
        demo.search(["a ferry"])
    told = "run `groundcast verify x --repair`, or pass --min-valid"
    assert in_python(told) == "run `groundcast verify x --repair`, or pass min_valid"


def test_a_name_that_is_not_there_is_told_what_it_may_have_been(home) -> None:
    with pytest.raises(gc.MissingError, match="did you mean 'demo'"):
        home["dmo"]
    with pytest.raises(gc.UsageError, match="by its name, not by 0"):
        home[0]
    assert ("demo" in home, "dmo" in home, 0 in home, len(home)) == (True, False, False, 1)
    assert (list(home), home.galleries(), home.models()) == (["demo"], ["demo"], ["m"])
    assert home._ipython_key_completions_() == ["demo"]


def test_a_home_that_is_not_there_is_not_made_unless_it_is_asked_for(tmp_path) -> None:
    with pytest.raises(gc.MissingError, match="create=True"):
        gc.open(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with gc.open(tmp_path / "new", create=True) as made:
        assert list(made) == [] and "new" in made._repr_html_()
        with pytest.raises(gc.CatalogError, match="no model yet"):
            made.embedder()
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", "", 3):
        with pytest.raises(gc.UsageError, match="home"):
            gc.open(wrong)


def test_a_closed_home_says_so_and_a_second_close_does_nothing(small_home) -> None:
    with gc.open(small_home) as opened:
        tiles = opened["demo"]
        assert "closed" not in repr(opened)
    opened.close()
    for ask in (lambda: tiles.search("x"), lambda: list(opened), tiles.labels.names, lambda: opened["demo"]):
        with pytest.raises(gc.UsageError, match="is closed: open it again"):
            ask()
    assert "closed" in repr(opened) and "closed" in opened._repr_html_() and "closed" in tiles._repr_html_()


def test_without_geopandas_arrow_is_offered(demo, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(gc.UsageError, match=r"groundcast\[notebook\]'.*as_=\"arrow\""):
        demo.search("a ferry")
    assert isinstance(demo.search("a ferry", as_="arrow"), pa.Table)


def test_a_collection_whose_model_is_gone_says_which(own) -> None:
    import sqlite3

    with closing(sqlite3.connect(own / "catalog.sqlite")) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE models SET model_id = 'another'")
    with gc.open(own) as opened:
        assert "not here any more" in opened._repr_html_() and opened["demo"].describe()["model"] is None
        with pytest.raises(gc.CatalogError, match=r"no model with id .* add it again"):
            opened["demo"].search("a ferry")
        assert "demo" in opened["demo"]._repr_html_()


# -- changes -----------------------------------------------------------------------------------------------------------


def test_labels_come_back_as_they_were_written(own) -> None:
    with gc.open(own) as opened:
        labels, tiles = opened["demo"].labels, opened["demo"].search(TEXT).tile_id
        assert labels.say("beaches", tiles[:3], "yes", by="Ada") == 3
        assert labels.say("beaches", tiles[3], "no") == 4 and labels.names() == ["beaches"]
        read = labels.read("beaches")
        assert read.label.tolist() == ["yes"] * 3 + ["no"] and read.labelled_by.tolist()[:3] == ["Ada"] * 3
        plain = pd.DataFrame(read.drop(columns="geometry"))
        for number, table in enumerate((read.to_crs(3857), plain, labels.read("beaches", as_="arrow"))):
            assert labels.write(f"again {number}", table) == {"labels": 4, "by_place": 0, "left_out": []}
            assert labels.read(f"again {number}").equals(read)
        assert labels.say("beaches", tiles[0], None) == 3
        labels.delete("again 0")
        assert labels.names() == ["again 2", "again 1", "beaches"]


def test_labels_that_cannot_be_taken_change_nothing_and_others_are_told(own, caplog) -> None:
    with gc.open(own) as opened:
        labels, tile = opened["demo"].labels, opened["demo"].search(TEXT, k=1).tile_id[0]
        for wrong in (7, {"tile_id": ["x"], "label": ["yes"]}, {"tile_id": [tile]}, {"a": [1], "b": [1, 2]}):
            with pytest.raises(gc.UsageError):
                labels.write("new", wrong)
        for name, ids, verdict in (("new", tile, "maybe"), ("new", [], "yes"), ("new", [tile, "x"], "yes")):
            with pytest.raises((gc.UsageError, gc.MissingError)):
                labels.say(name, ids, verdict)
        assert labels.names() == []
        taken = labels.write("new", {"tile_id": [tile, "x"], "label": ["yes", "no"]})
        assert taken["labels"] == 1 and "1 row left out" in caplog.text
    with gc.open(own, read_only=True) as opened, pytest.raises(gc.ReadOnlyError):
        opened["demo"].labels.say("new", tile, "no")


def test_an_ingest_tells_how_far_it_is_and_goes_on_where_it_stopped(own, tmp_path, capfd) -> None:
    raster, told = make_raster(tmp_path / "field.tif", width=80, height=60, east=500), []
    with gc.open(own) as opened, gc.open(own) as other:
        with pytest.raises(RuntimeError, match="enough"):
            opened.ingest(raster, "field", tile_size_m=10, precision="float32", progress=_enough)
        made = opened.ingest(
            raster, "field", tile_size_m=10, precision="float32", progress=lambda done, left: told.append((done, left))
        )
        assert told[0][0] == 0 and told[-1][0] == told[-1][1] and made.done == opened["field"].describe()["tiles"]
        capfd.readouterr()
        again = opened.ingest(raster, "field", tile_size_m=10, precision="float32")
        assert (again.new, again.done, again.skipped) == (0, made.done, made.skipped)
        # one that was open before sees it with its next question, and the first tiles of another too
        assert other["field"].search(TEXT).tile_id.tolist() == opened["field"].search(TEXT).tile_id.tolist()
        before = len(other["demo"].scores(TEXT))
        for options in ({"bands": (1, 2)}, {"zoom": "x"}, {"tile_size_m": -1}, {"min_valid": 2}, {"progress": 3}):
            with pytest.raises(gc.UsageError):
                opened.ingest(raster, "other", **({"progress": False} | options))
        with pytest.raises(gc.SourceError, match="no such file"):
            opened.ingest(tmp_path / "no.tif", "other")
        assert list(other) == ["demo", "field"] and len(other["demo"].scores(TEXT)) == before
    with gc.open(own, read_only=True) as shown, pytest.raises(gc.ReadOnlyError):
        shown.ingest(raster, "field", tile_size_m=10)


def _enough(done: int, _: int) -> None:
    if done:
        raise RuntimeError("enough")


# -- several at once ---------------------------------------------------------------------------------------------------


def test_threads_get_the_same_answers_and_closing_waits_for_them(small_home) -> None:
    with gc.open(small_home) as opened:
        tiles, texts = opened["demo"], [f"{TEXT}, {number % 3}" for number in range(12)]
        alone = {text: tiles.search(text, as_="arrow").column("tile_id").to_pylist() for text in texts[:3]}
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda text: tiles.search(text, as_="arrow").column("tile_id").to_pylist(), texts))
        assert found == [alone[text] for text in texts]
    begun, go_on, opened = threading.Event(), threading.Event(), gc.open(small_home)

    def slow() -> int:
        with opened._home.asked() as service:
            begun.set()
            go_on.wait(30)
            return len(service.searchable())

    with ThreadPoolExecutor(2) as threads:
        answer = threads.submit(slow)
        assert begun.wait(30)
        closing_ = threads.submit(opened.close)
        with pytest.raises(TimeoutError):
            closing_.result(0.2)
        go_on.set()
        assert (answer.result(30), closing_.result(30)) == (1, None)
    with gc.open(small_home) as busy, busy._home.asked(), pytest.raises(gc.UsageError, match="in the middle"):
        busy.close()


def test_two_homes_are_open_side_by_side(home, own) -> None:
    shutil.rmtree(own / "cache", ignore_errors=True)
    with gc.open(own) as other:
        ours, theirs = home["demo"].search(TEXT), other["demo"].search(TEXT)
        assert ours.tile_id.tolist() == theirs.tile_id.tolist() and home.path != other.path
    assert len(home["demo"].search(TEXT)) == 9


# -- what a notebook shows ---------------------------------------------------------------------------------------------


def test_a_notebook_shows_a_map_that_needs_no_network(home, demo) -> None:
    shown = demo._repr_html_()
    assert "data:image/png;base64," in shown and "http" not in shown and "30" in shown
    assert "demo" in home._repr_html_() and "<script" not in shown + home._repr_html_()


def test_what_should_be_read_beside_an_answer_is_logged(demo, caplog) -> None:
    caplog.set_level(logging.WARNING, "groundcast")
    frame = demo.search(TEXT, bbox=(0, 0, 1, 1))
    assert frame.empty and "no tile in that area" in caplog.text
    assert frame.attrs["provenance"]["note"] in caplog.text
    placed = demo.search(TEXT, place="27.6285 N 85.48 E")
    assert placed.attrs["provenance"]["note"].startswith("place: 27.62850°N")


def test_an_embedder_alone_embeds_arrays_and_texts(home) -> None:
    embedder = home.embedder()
    assert isinstance(embedder, gc.Embedder)
    images = np.random.default_rng(0).integers(0, 255, (3, 40, 30, 3), np.uint8)
    assert (embedder.embed_tiles(images).shape, embedder.embed_tiles(images).dtype) == ((3, 32), np.float32)
    assert (embedder.embed_texts(["a", "b"]).shape, embedder.embed_tiles(images[:0]).shape) == ((2, 32), (0, 32))
    folder = str(home.path / "models" / home.models()[0])
    np.testing.assert_array_equal(gc.Embedder.load(folder).embed_texts(["a"]), embedder.embed_texts(["a"]))
    for embed, wrong in (
        (embedder.embed_tiles, None), (embedder.embed_photos, Image.new("RGB", (8, 8))), (embedder.embed_texts, None),
        (embedder.embed_texts, ["a", None]), (embedder.embed_texts, [3]),
    ):  # fmt: skip
        with pytest.raises(gc.UsageError, match=r"is no sequence of|is none"):
            embed(wrong)
    for wrong in (images / 255, images[0], images.transpose(0, 3, 1, 2)):
        with pytest.raises(gc.UsageError, match="an image must be uint8"):
            embedder.embed_tiles(wrong)
