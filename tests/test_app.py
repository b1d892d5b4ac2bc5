"""The app's pages without a browser: what a person would read there after asking, clicking and moving sliders."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from conftest import LONG, Demo, make_raster
from home_copy import whole_copy_of
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from ingest.catalog.catalog import Catalog, Failure
from ingest.jobs.verify import verify
from ingest.settings import load_settings
from search_ui.ground.photo_time import PhotoTimeQuery
from search_ui.search.query import Part, Query
from search_ui.service import service as running
from search_ui.service.background import Background, Bar, Task
from search_ui.service.brought.previews import Previews
from search_ui.service.service import Service
from search_ui.views.pieces import as_words
from search_ui.views.state import address
from search_ui.views.work import background, bring
from trainer.encoding import MonthHour
from trainer.errors import UsageError

APP = str(Path(running.__file__).parents[1] / "app.py")
BEACH = "people swimming at a sandy beach"
pytestmark = pytest.mark.filterwarnings("default")  # Streamlit's own and its libraries' are not ours to mend


@pytest.fixture(scope="module")
def home(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demonstration's home."""
    copy = tmp_path_factory.mktemp("app") / "home"
    whole_copy_of(demo.home, copy)
    return copy


@pytest.fixture(scope="module")
def service(home: Path, places_folder: Path) -> Iterator[Service]:
    """The process's service over that home."""
    yield running.start(load_settings(home))
    running.stop()


def _app(**address: str | list[str]) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=240)
    for name, value in address.items():
        app.query_params[name] = value
    return _ran(app.run())


def _ran(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def _address(app: AppTest) -> dict[str, list[str]]:
    """What the address says; of one value AppTest makes a text, of several a list."""
    return {name: [words] if isinstance(words, str) else list(words) for name, words in app.query_params.items()}


def _told(app: AppTest) -> str:
    """Everything that is said on the page."""
    kinds = (app.markdown, app.caption, app.warning, app.error, app.info, app.success, app.title, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def _labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_without_a_question_the_page_offers_examples_of_this_collection(service: Service) -> None:
    app = _app()
    examples = [button for button in app.button if str(button.key).startswith("example ")]
    assert len(examples) == 6
    _ran(examples[0].click().run())
    assert app.text_input(key="q").value == examples[0].label
    assert "places** of 3,054 tiles" in _told(app)


def test_every_state_is_in_the_address_and_a_link_brings_it_back(service: Service) -> None:
    app = _app()
    app.text_input(key="q").set_value(BEACH).run()
    app.select_slider(key="month").set_value(7)
    app.select_slider(key="hour").set_value(14)
    app.slider(key="min").set_value(0.2)
    app.selectbox(key="sort").set_value("cosine")
    app.multiselect(key="plus").set_value(["a crowd"])
    _ran(app.segmented_control(key="view").set_value("difference").run())
    address = _address(app)
    assert address["q"] == [BEACH]
    assert (address["month"], address["hour"], address["view"]) == (["7"], ["14"], ["difference"])
    other = _app(**address)
    assert other.text_input(key="q").value == BEACH
    assert other.select_slider(key="month").value == 7
    assert other.segmented_control(key="view").value == "difference"
    assert other.multiselect(key="plus").value == ["a crowd"]
    assert other.selectbox(key="sort").value == "cosine"
    assert _told(other) == _told(app)


TURNED: dict[str, tuple[str, Any, Any]] = {
    "month": ("select_slider", 3, 8),
    "min": ("slider", 0.1, 0.3),
    "sort": ("selectbox", "date", "cosine"),
    "side": ("segmented_control", "beside", "swipe"),
    "month2": ("select_slider", 11, 2),
    "beside": ("toggle", True, False),
    "view": ("segmented_control", "difference", "map"),
    "panel": ("segmented_control", "export", "place"),
}
"""Views, panels and controls: what kind each is, and two states to turn it to in turn."""
SHOWN_IN = {
    "side": {"view": "two moments"}, "month2": {"view": "two moments"}, "beside": {"panel": "place"},
    "min": {"panel": "places"}, "sort": {"panel": "places"},
}  # fmt: skip
"""Where a control is shown that is not shown everywhere."""


def test_every_control_keeps_its_state_whatever_is_turned_before_and_after_it(service: Service) -> None:
    """Each is turned right before and right after each other one: all orders of two, in the long form."""
    tile = service.search("demo", _query()).answer.hits[0].tile_id
    app = _app(q=BEACH, tile=tile)
    stands: dict[str, Any] = {"view": "map", "panel": "place"}
    pairs = list(combinations(TURNED, 2))[:: 1 if LONG else 3]
    walk = [name for pair in pairs for name in pair]
    for name in walk:
        _, first, second = TURNED[name]
        turns = SHOWN_IN.get(name, {}) | {name: second if stands.get(name) == first else first}
        for field, to in turns.items():
            if stands.get(field) != to:
                _ran(getattr(app, TURNED[field][0])(key=field).set_value(to).run())
                stands[field] = to
        told = address.fitting(
            {field: _address(app).get(field, [None])[0] for field in stands if field in _address(app)}
        )
        assert {field: told.get(field, address.unsaid(field, True)) for field in stands} == stands, name


def test_what_is_done_before_the_browser_knows_the_new_address_loses_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _app(q=BEACH)
    before = _address(app)
    tile = service.search("demo", _query()).answer.hits[0].tile_id
    app.session_state["tile"] = tile
    for name in ("LATE_S", "AT_ONCE_S"):
        monkeypatch.setattr(address, name, 60.0)
    _ran(app.run())
    assert _address(app)["tile"] == [tile]
    for _ in range(2):  # two clicks that were made before
        _arrives(app, before)
        assert _address(app)["tile"] == [tile]
    for name in ("LATE_S", "AT_ONCE_S"):
        monkeypatch.setattr(address, name, 0.0)
    _arrives(app, before)  # somebody went back
    assert "tile" not in _address(app)


def _arrives(app: AppTest, address: dict[str, list[str]]) -> None:
    """The page runs again, and the browser says that this is its address."""
    app.query_params.clear()
    for name, words in address.items():
        app.query_params[name] = words
    _ran(app.run())


def test_an_address_that_makes_no_sense_is_read_as_far_as_it_does(service: Service) -> None:
    app = _app(q=BEACH, month="13", hour="noon", min="7", view="nonsense", opacity="-3", collection="gone")
    assert app.select_slider(key="month").value == -1
    assert app.slider(key="min").value == 0
    assert app.segmented_control(key="view").value == "map"
    assert "no collection “gone” here any more" in _told(app)
    assert "places** of 3,054 tiles" in _told(app)


def test_a_moment_says_what_the_sun_does_there(service: Service) -> None:
    app = _app(q=BEACH, month="7", hour="14")
    assert "Jul, 14:00 there: daylight" in _told(app)
    _ran(app.select_slider(key="hour").set_value(23).run())
    assert "Jul, 23:00 there: night" in _told(app)


@pytest.mark.parametrize(
    ("view", "said", "frames"),
    [
        ("map", "Map of relevance for the question at Jul, 14:00", 1),
        ("two moments", "Maps of relevance at Jul, 14:00 and at Jan, 14:00", 2),
        ("difference", "Difference of relevance: Jul, 14:00 less Jan, 14:00", 1),
        ("film", "Film of relevance over 12 moments", 12),
        ("best moment", "Map of the best month of each tile", 1),
    ],
)
def test_every_view_in_time_is_drawn_and_says_what_it_shows(
    service: Service, view: str, said: str, frames: int
) -> None:
    shown = _map(_app(q=BEACH, month="7", hour="14", view=view))
    assert shown["label"].startswith(said)
    every = [heat["tiles"] for frame in shown["frames"] for heat in frame]
    assert len(every) == len(set(every)) == frames


def test_the_calendar_is_a_panel_beside_the_same_map(service: Service) -> None:
    before = _map(_app(q=BEACH, month="7", hour="14"))
    app = _app(q=BEACH, month="7", hour="14", panel="when")
    assert "The best is framed" in _told(app)
    assert _map(app)["frames"] == before["frames"]


def test_the_map_the_list_and_the_banner_are_of_the_same_tiles(service: Service) -> None:
    app = _app(q=BEACH, month="7", hour="14", min="0.6", k="10000")
    listed = _list(app)
    scores = service.scores("demo", replace(_query(), when=MonthHour.of(datetime.now().year, 7, 14)))
    strong = int((np.round(scores.relevance, 4) >= 0.6).sum())
    assert listed["total"] == strong and f"**{strong} places** of 3,054 tiles" in _told(app)
    name = _map(app)["frames"][0][0]["tiles"].split("/")[3]
    assert np.isfinite(service.heat_layers.values(name).values).sum() == strong
    assert _map(app)["pins"].startswith(f"/shown/lists/{listed['name']}/")
    order = [float(place["relevance"]) for place in listed["first"]]
    assert order == sorted(order, reverse=True)
    nothing = _app(q=BEACH, month="1", hour="2")
    assert {place["grade"] for place in _list(nothing)["first"]} <= {"nothing", "weak"}


def _map(app: AppTest) -> dict[str, Any]:
    """What the map component was given."""
    return _given(app, "groundcast_map")


def _list(app: AppTest) -> dict[str, Any]:
    """What the list was given."""
    return _given(app, "groundcast_hit_list")


def _given(app: AppTest, component: str) -> dict[str, Any]:
    (found,) = (one.proto for one in app.get("bidi_component") if one.proto.component_name == component)
    return dict(json.loads(found.json))


def test_coordinates_in_the_box_open_the_tile_that_holds_them(service: Service) -> None:
    app = _app()
    _ran(app.text_input(key="q").set_value("43.05, -164.95").run())
    assert _address(app)["tile"][0].startswith("g480-")
    assert app.text_input(key="q").value == ""
    assert "What one would see on the ground" in _told(app)


def test_coordinates_outside_the_imagery_say_where_the_nearest_tile_is(service: Service) -> None:
    app = _app()
    _ran(app.text_input(key="q").set_value("10.0, 20.0").run())
    assert "No tile of collection 'demo' holds 10.00000, 20.00000: the nearest" in _told(app)
    assert "tile" not in app.query_params


def test_a_name_of_a_place_is_offered_and_not_taken_unasked(service: Service) -> None:
    app = _app(q="a beach near Oslo")
    assert "“Oslo” is also a place: Oslo" in _told(app)
    assert "3,054 tiles" in _told(app)  # all were asked
    _ran(app.button(key="only there").click().run())
    assert "Nothing here" in _told(app)
    assert "No tile in that area; the nearest tile is" in _told(app)


def test_several_places_of_a_name_are_offered_and_none_is_taken(service: Service) -> None:
    app = _app(q="a beach")
    _ran(app.text_input(key="area name").set_value("Springfield").run())
    assert "area" not in app.query_params
    assert app.button(key="area choice 0").label == "Springfield, Missouri, United States · 5,933 km away"
    _ran(app.button(key="area choice 1").click().run())
    assert _address(app)["area"] == ["place:Springfield, Massachusetts, United States"]
    assert not [button for button in app.button if str(button.key).startswith("area choice")]


def test_the_towns_beside_hits_are_found_by_their_names(service: Service) -> None:
    name, lat, lon = service.tiles("demo").spec["places"][0]
    app = _app(q="a beach")
    _ran(app.text_input(key="area name").set_value(name.upper()).run())
    assert service.place(_address(app)["area"][0].removeprefix("place:"), "demo").area.contains(shapely.Point(lon, lat))
    assert f"{name}, disc of" in _told(app)
    _ran(app.text_input(key="area name").set_value("Nowherehamm").run())
    assert "No place 'Nowherehamm' is known" in _told(app)
    assert "--" not in _told(app).partition("No place")[2][:200]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"area": "place:Nowherehamm"}, "No place 'Nowherehamm' is known"),
        ({"area": "zz"}, "The area 'zz' of this address cannot be understood"),  # not: everywhere
        ({"area": "wkt:"}, "is no WKT of a polygon"),
        ({"from": "2020-13-45"}, "'2020-13-45' is no date"),
        ({"like": "nonsense"}, "has no tile 'nonsense'"),
    ],
)
def test_what_cannot_be_asked_is_told_once_and_map_and_panels_stay(
    service: Service, part: dict[str, str], told: str
) -> None:
    app = _app(q="a beach", **part)
    assert _told(app).count(told) == (2 if "area" in part else 1)  # of an area also where it is chosen
    assert app.segmented_control(key="panel").value == "places" and app.get("bidi_component")
    _ran(app.button(key="chip 0").click().run())
    assert "of 3,054 tiles" in _told(app) and not app.error


@pytest.mark.parametrize(
    "part",
    [
        {"month": "99"},
        {"month": "²"},
        {"year": "--5"},
        {"hour": "noon"},
        {"k": "0"},
        {"sort": "beauty"},
        {"middle": "95,0"},
        {"words": "yes"},
    ],
)
def test_what_a_link_says_and_cannot_be_is_told_once_and_left_out(service: Service, part: dict[str, str]) -> None:
    ((name, said),) = part.items()
    app = _app(q="a beach", **part)
    assert f"“{as_words(f'{name}={said}')}” of this link cannot be: it is left out." in _told(app)
    assert name not in _address(app) and "of 3,054 tiles" in _told(app)
    assert "of this link cannot be" not in _told(_ran(app.run()))


def test_coordinates_in_a_link_open_their_tile_as_when_typed(service: Service) -> None:
    app = _app(q="43.05,-164.95")
    assert _address(app)["tile"] == [service.tile_at("demo", lat=43.05, lon=-164.95)] and "q" not in _address(app)
    app = _app(q="95.05,-164.95")
    assert "95.05" in _told(app) and not {"q", "tile"} & _address(app).keys()


def test_nothing_here_is_said_as_such_with_the_nearest_candidate(service: Service) -> None:
    assert "**Nothing here** looks like it (best relevance" in _told(_app(q="an astronaut on the moon"))
    app = _app(q="an astronaut on the moon", min="0.95")
    assert "Nothing here" in _told(app)
    nearest = app.button(key="nearest")
    assert "nearest candidate" in nearest.label
    _ran(nearest.click().run())
    assert "What one would see on the ground" in _told(app)


def test_words_have_weights_that_a_slider_changes(service: Service) -> None:
    app = _app(q=BEACH, minus=["harbour", "forest^0.4"])
    assert any(label.startswith("− forest ×0.4") for label in _labels(app))
    slider = next(slider for slider in app.slider if slider.label == "− harbour")
    _ran(slider.set_value(1.5).run())
    assert _address(app)["minus"] == ["harbour^1.5", "forest^0.4"]


def test_thumbs_steer_and_are_taken_back_by_one_click(service: Service) -> None:
    before = _app(q=BEACH)
    hits = service.search("demo", _query()).answer.hits
    app = _app(q=BEACH, up=[hits[0].tile_id], down=[hits[1].tile_id])
    chip = next(button for button in app.button if "thumb" in button.label)
    _ran(chip.click().run())
    assert "up" not in app.query_params
    assert _told(app) == _told(before)


def test_an_image_that_is_not_here_any_more_is_told(service: Service) -> None:
    app = _app(image="photo:" + "0" * 32)
    assert "upload it again" in _told(app)


def test_a_link_to_a_tile_or_outlines_that_are_gone_says_so_and_shows_the_answer(service: Service) -> None:
    app = _app(q=BEACH, tile="g480-gone", overlay="0" * 32)
    assert "has no tile 'g480-gone'" in _told(app) and "outlines that this address names are not" in _told(app)
    assert "overlay" not in _address(app)
    assert "3,054 tiles" in _told(app)


def test_words_of_a_question_are_never_markup(service: Service) -> None:
    app = _app(q="<script>alert(1)</script> beach", plus=["<img src=x onerror=alert(1)>"], panel="when")
    told = [element.proto.body for element in app.get("html")]
    assert not [text for text in told if "<script>" in text or "<img src=x" in text]


def test_a_saved_search_is_asked_again_and_tells_what_is_new(service: Service) -> None:
    app = _app(q=BEACH, month="7", opacity="40")
    app.text_input(key="save name").set_value("summer <beach>").run()
    _ran(app.button(key="save").click().run())
    saved = service.saved_searches.all()[0]
    assert (saved.name, saved.question["q"]) == ("summer <beach>", BEACH)
    other = _app()
    _ran(other.button(key=f"again {saved.id}").click().run())
    assert "no new imagery since" in _told(other)
    assert _address(other)["q"] == [BEACH]
    assert _address(other)["opacity"] == ["40"]
    _ran(other.button(key=f"forget {saved.id}").click().run())
    assert service.saved_searches.all() == []


def test_a_tile_that_is_open_shows_its_source_and_nine_photos_for_the_moment(service: Service) -> None:
    tile = service.search("demo", _query()).answer.hits[0].tile_id
    app = _app(q=BEACH, tile=tile, panel="place", month="7", hour="12")
    pictures = [element.proto.body for element in app.get("html") if "gc-photos" in element.proto.body]
    grid = next(body for body in pictures if "<figure>" in body)
    assert grid.count("<figure>") == 9
    assert "CC0-1.0" in grid
    _ran(app.toggle(key="beside").set_value(True).run())
    grids = [element.proto.body for element in app.get("html") if "<figure>" in element.proto.body]
    assert len(grids) == 2


def test_the_photo_of_the_question_tells_when_it_was_taken_in_the_open_tile(service: Service) -> None:
    tile = service.search("demo", _query()).answer.hits[0].tile_id
    photo = service.uploads.keep((service.settings.home / "demo-photos" / "photo-0000.jpg").read_bytes())
    app = _app(tile=tile, panel="place", image=f"photo:{photo}")
    assert "Likeliest month" not in _told(app)  # nobody asked
    told = _told(_ran(app.toggle(key="dated").set_value(True).run()))
    found = service.photo_time("demo", PhotoTimeQuery(photo=service.uploads.path(photo), tile_id=tile))
    assert "Likeliest month" in told
    assert str(found.posterior)[1:] in told


def test_failures_are_counted_by_reason_with_their_tiles_and_can_be_tried_again(service: Service) -> None:
    tile = service.search("demo", _query()).answer.hits[0].tile_id
    job = service.catalog.jobs("demo")[0]
    chunk = next(service.catalog.chunks(job=job.id))
    known = {"done": chunk.done, "skipped": chunk.skipped}
    failure = Failure(chunk.item_ids[0], "truncated", "tile <b>x</b>: the file ends early", chunk.key)
    service.catalog.finish_chunk(chunk.key, state="done", failures=[failure], **known)
    app = _collections()
    assert "the file ends early" not in _told(app), "failures are not fetched before somebody opens the job"
    app.session_state[f"job {job.id}"] = True
    _ran(app.run())
    assert "**truncated**: 1" in _told(app)
    assert any("Try these 1 again" in label for label in _labels(app))
    pictures = [element.proto.body for element in app.get("html") if "<figure>" in element.proto.body]
    assert chunk.item_ids[0] in pictures[0]
    assert "<b>x</b>" not in pictures[0]
    assert tile  # the collection is still searched
    service.catalog.finish_chunk(chunk.key, state="done", failures=[], **known)


def test_work_can_be_left_to_workers_and_says_when_nobody_is_at_it(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster = make_raster(tmp_path / "town.tif", width=400, height=400)
    app = _collections()
    assert not app.toggle
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"redis_url": SecretStr("redis://x")}))
    chunks = [("left-000000", ["a", "b"])]
    service.catalog.add_job("left", collection="demo", source=str(raster), spec={}, chunks=chunks, failures=[])
    service.catalog.enqueue("left")
    monkeypatch.setattr("search_ui.views.previewing._FIRST_S", 60.0)  # the page waits for the preview
    app = _collections()
    assert app.toggle(key="add queue").value
    bars = [bar.text for bar in app.get("progress")]
    assert any("0 of 2 tiles" in bar and "no worker is at it yet" in bar for bar in bars), bars
    started = []
    monkeypatch.setattr(Background, "start", lambda _, name, title, arguments, **more: started.append(arguments))
    app.text_input(key="add source").set_value(str(raster))
    app.text_input(key="add name").set_value("town")
    app.number_input(key="add tile").set_value(50.0).run()
    app.button(key="estimate").click().run()
    app.button(key="start ingest").click().run()
    assert "--queue" in started[0]
    service.catalog.set_job_state("left", "superseded")


def test_imagery_is_estimated_before_any_work(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_ui.views.previewing._FIRST_S", 60.0)  # the page waits for the preview
    raster = make_raster(tmp_path / "town.tif", width=400, height=400)
    app = _collections()
    app.text_input(key="add source").set_value(str(raster))
    app.text_input(key="add name").set_value("town")
    app.number_input(key="add tile").set_value(50.0).run()
    _ran(app.button(key="estimate").click().run())
    tiles, took, pixel = app.metric[0], app.metric[1], app.metric[2]
    assert 10 <= int(tiles.value) <= 25
    assert took.value.startswith("about ")
    assert pixel.value == "0.5 m"
    _ran(app.text_input(key="add source").set_value(str(tmp_path / "missing.tif")).run())
    assert "there is no such file or folder" in _told(app) and "estimate" not in {one.key for one in app.button}
    monkeypatch.setattr(service, "previews", Previews(service.settings, limit_s=0.0))
    _ran(app.text_input(key="add source").set_value(str(raster)).run())
    assert "it can be added without a preview" in _told(app)
    assert "start ingest" in {one.key for one in app.button}


def test_a_url_is_read_from_hosts_that_the_settings_allow_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _collections()
    app.text_input(key="add source").set_value("https://tiles.example.org/{z}/{x}/{y}.png")
    app.text_input(key="add name").set_value("far")
    monkeypatch.setattr("search_ui.views.previewing._FIRST_S", 60.0)
    _ran(app.text_input(key="add place").set_value("27.63, 85.52, 1 km").run())
    assert "'tiles.example.org' is not among the hosts" in _told(app)


def test_a_collection_is_renamed_deleted_and_brought_back_on_its_page(service: Service) -> None:
    app = _collections()
    app.text_input(key="new name demo").set_value("island").run()
    _ran(app.button(key="do rename demo").click().run())
    assert "“demo” is called “island” now" in app.success[0].value
    assert list(service.searchable()) == ["island"] and service.tiles("demo").name == "demo"
    assert "is called “island” now" in _told(_app(collection="demo"))
    _ran(app.button(key="do delete island").click().run())
    assert service.searchable() == {} and "Bring it back" in _labels(app)
    _ran(app.button(key="undelete island").click().run())
    app.text_input(key="new name island").set_value("demo").run()
    _ran(app.button(key="do rename island").click().run())
    assert list(service.searchable()) == ["demo"]


def test_photos_and_models_are_brought_in_by_the_words_of_the_command_line(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(Background, "start", lambda _, name, title, arguments, **more: started.append(arguments))
    app = _collections()
    app.segmented_control(key="photos how").set_value("On the server").run()
    app.text_input(key="photos path").set_value(str(tmp_path / "none")).run()
    app.text_input(key="gallery name").set_value("walk").run()
    _ran(app.button(key="add photos").click().run())
    assert "There is no folder or file" in _told(app) and not started
    app.text_input(key="photos path").set_value(str(tmp_path)).run()
    _ran(app.button(key="add photos").click().run())
    app.radio(key="known model").set_value("clip-b32").run()
    _ran(app.button(key="start model").click().run())
    app.segmented_control(key="model kind").set_value("A file from the web").run()
    app.text_input(key="model url").set_value("https://example.org/x.pt").run()
    app.text_input(key="model name A file from the web").set_value("mine").run()
    _ran(app.button(key="start model").click().run())
    assert started == [
        ["photos", "--gallery=walk", "--model=demo", "--", str(tmp_path)],
        ["model", "add", "clip-b32", "--known=clip-b32"],
        ["model", "add", "mine", "--url=https://example.org/x.pt", "--through-app"],
    ]


def test_a_server_that_may_only_be_looked_at_offers_nothing_that_changes_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "read_only", True)
    app = _collections()
    assert _labels(app) == ["Search it"] and not app.text_input


@pytest.mark.parametrize(
    ("line", "share", "amounts", "left"),
    [
        ("x.pt:  45%|####5     | 123M/354M [00:10<00:12, 22.1MB/s]", 0.45, "123M of 354M", "00:12"),
        ("town:   0%|          | 0/123 [00:00<?, ? tiles/s]", 0.0, "0 of 123", ""),
    ],
)
def test_a_bar_that_a_command_prints_is_shown_as_one(line: str, share: float, amounts: str, left: str) -> None:
    bar = Bar.parse(line)
    assert bar is not None and (bar.share, bar.amounts, bar.left) == (share, amounts, left)
    assert Bar.parse("job 12 complete: 3 tiles done") is None


def test_two_collections_are_asked_side_by_side(service: Service) -> None:
    def script() -> None:
        from search_ui.service.service import service
        from search_ui.views.pages.models import models_page

        models_page(service(), 2 * service().collections())

    app = _ran(AppTest.from_function(script, default_timeout=240).run())
    maps = [one for one in app.get("bidi_component") if one.proto.component_name == "groundcast_map"]
    assert len(maps) == 2


def test_a_command_runs_beside_the_page_and_says_how_it_ended(service: Service) -> None:
    work = Background(service.settings)
    work.start("list", "The list", ["collections"])
    work.start("wrong", "The wrong", ["no-such-command"])
    deadline = time.monotonic() + 60
    while any(task.running for task in work.tasks().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    done, wrong = work.task("list"), work.task("wrong")
    assert done is not None and not done.failed and "demo" in done.log.read_text("utf-8")
    assert wrong is not None and wrong.failed and "no-such-command" in wrong.log.read_text("utf-8")


class _AtWork:
    """A process that goes on until the test says that it has ended."""

    returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


def test_one_job_is_shown_once_goes_on_once_and_says_that_it_stops(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = [("cut-000000", ["a", "b"])]
    service.catalog.add_job("cut", collection="demo", source="town.tif", spec={}, chunks=chunks, failures=[])
    service.catalog.set_job_state("cut", "running")
    assert "go on cut" in {one.key for one in _collections().button}  # nobody is at it
    work, process, log = background(service), _AtWork(), tmp_path / "work.log"
    log.write_text("Fetching:  50%|#####     | 5M/10M [00:10<00:12, 22.1MB/s]")
    for name, collection in (("ingest-demo", "demo"), ("model", None)):
        monkeypatch.setitem(work._tasks, name, Task(name, log, time.time() - 9, process, collection))
    app = _collections()
    bars = [bar.text for bar in app.get("progress")]
    assert sum("0 of 2 tiles" in bar for bar in bars) == 1  # the model, which is brought in beside it, has its own
    assert "Fetching: 5M of 10M, 00:12 left" in bars
    assert "go on cut" not in {one.key for one in app.button}
    with pytest.raises(UsageError, match="ingest-demo is still at work: wait for it to end"):
        bring(service, "retry-cut", "demo again", ["jobs", "retry", "cut"], "demo")
    app = _ran(app.button(key="Pause ingest-demo cut").click().run())
    assert "Stopping after the tiles at hand" in _told(app)
    assert "go on cut" not in {one.key for one in app.button}
    process.returncode = 0
    assert "go on cut" in {one.key for one in _collections().button}
    service.catalog.set_job_state("cut", "superseded")


def test_an_empty_home_offers_the_demo_planet_and_own_imagery(tmp_path: Path, places_folder: Path) -> None:
    running.start(load_settings(tmp_path / "empty"))
    try:
        app = _app()
        assert "There is no imagery here yet" in _told(app)
        assert {"Make the demo planet", "Add imagery"} <= set(_labels(app))
        assert "There is no model here yet that could look at imagery" in _told(_collections())
        running.start(load_settings(tmp_path / "empty"), read_only=True)
        app = _app()
        assert app.button(key="make demo").disabled
        assert "read-only" in _told(app)
    finally:
        running.stop()


def test_a_dead_index_is_told_with_what_to_do(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places_folder: Path
) -> None:
    """An index is needed above `exact_tiles` only; its files are garbage here."""
    home = tmp_path / "home"
    whole_copy_of(demo.home, home)
    made = load_settings(home)
    with closing(Catalog(made.catalog_at)) as catalog:
        assert verify(made, catalog, catalog.collection("demo"), index=True).indexed
    for file in (home / "index").rglob("*"):
        if file.is_file():
            file.write_bytes(b"garbage")
    monkeypatch.setenv("GROUNDCAST_EXACT_TILES", "0")
    running.start(load_settings(home))
    try:
        app = _app(q=BEACH)
        said = _told(app)
        assert "ask whoever runs this server to mend it" in said
        assert "groundcast verify" not in said
    finally:
        running.stop()


def _query() -> Query:
    return Query(parts=(Part("text", BEACH),), k=12)


def _collections() -> AppTest:
    """The page of collections and jobs."""

    def script() -> None:
        from search_ui.service.service import service
        from search_ui.views.pages.holdings import collections_page

        collections_page(service(), lambda name: None)

    return _ran(AppTest.from_function(script, default_timeout=240).run())
