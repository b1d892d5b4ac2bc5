"""Labels in the app: a set is begun, labelled, learnt from, and shared by its address."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from conftest import Demo
from home_copy import whole_copy_of
from streamlit.testing.v1 import AppTest

from ingest.catalog.labels import LabelSet
from ingest.settings import load_settings
from search_ui.components.verdicts import PlaceToLabel, Press, presses
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.query import Hit, Part, Query
from search_ui.search.series import this_year
from search_ui.service import service as running
from search_ui.service.service import Service
from search_ui.views.panels import labels
from trainer.encoding import MonthHour

APP = str(Path(running.__file__).parents[1] / "app.py")
ASKED = {"q": "people swimming at a sandy beach", "month": "7", "hour": "14"}
pytestmark = pytest.mark.filterwarnings("default")  # Streamlit's own and its libraries' are not ours to mend


@pytest.fixture(scope="module")
def service(demo: Demo, places_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("labels") / "home"
    whole_copy_of(demo.home, home)
    yield running.start(load_settings(home))
    running.stop()


@pytest.fixture(autouse=True)
def no_sets(service: Service) -> Iterator[None]:
    yield
    service.read_only = False
    for one in service.labelling.sets.all():
        service.labelling.delete(one.id)


def app_at(**address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=240)
    for name, one in (ASKED | address).items():
        app.query_params[name] = one
    return ran(app.run())


def ran(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def address(app: AppTest, name: str) -> list[str]:
    words = app.query_params.get(name, [])
    return [words] if isinstance(words, str) else list(words)


def best(service: Service, count: int, said: Feedback = NOTHING_SAID) -> list[Hit]:
    """The first places of the question."""
    when = MonthHour.of(this_year(), 7, 14)
    query = Query(parts=(Part("text", ASKED["q"]),), when=when, k=count)
    return list(service.search("demo", query, said).answer.hits)


def learnable(service: Service) -> LabelSet:
    """A set of ten yes, the best places, and ten no, from further down."""
    tiles = [hit.tile_id for hit in best(service, 500)]
    said = dict.fromkeys(tiles[:10], "yes") | dict.fromkeys(tiles[-10:], "no")
    return service.labelling.create("s", "demo", {"q": ASKED["q"]}, said)


def told(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.success, app.error)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def test_thumbs_become_the_first_labels_of_a_set_and_a_no_has_left_the_list(service: Service) -> None:
    plain = [hit.tile_id for hit in best(service, 4)]
    app = app_at(panel="labels", up=plain[0], down=plain[1])
    ran(app.button(key="begin set").click().run())
    (made,) = service.labelling.sets.all("demo")
    assert (made.name, made.counts["yes"], made.counts["no"]) == (ASKED["q"], 1, 1)
    assert made.question == {"q": ASKED["q"], "when": f"{this_year()}-07T14:00:00"}
    assert address(app, "labels") == [made.id] and not address(app, "up")
    said = service.labelling.feedback(made.id, made.collection)
    assert plain[1] not in [hit.tile_id for hit in best(service, 4, said)]
    assert "label 4 more yes and 4 more no" in told(app)


def test_a_set_can_be_begun_at_an_hour_of_no_month(service: Service) -> None:
    app = app_at(panel="labels", month="-1", hour="23")
    ran(app.button(key="begin set").click().run())
    (made,) = service.labelling.sets.all("demo")
    assert made.question["when"] == "23:00:00" and address(app, "labels") == [made.id]


def test_a_name_that_is_sent_with_the_click_on_the_button_is_the_one_that_counts(service: Service) -> None:
    app = app_at(panel="labels")
    app.text_input(key="new set").set_value(" the  bathers ")  # the box is left by the click
    ran(app.button(key="begin set").click().run())
    (made,) = service.labelling.sets.all("demo")
    assert made.name == "the bathers"
    app.text_input(key="rename set").set_value("swimmers")
    ran(app.button(key="rename").click().run())
    app.text_input(key="save name").set_value("in summer")
    ran(app.button(key="save").click().run())
    assert service.labelling.sets.get(made.id).name == "swimmers"
    assert [one.name for one in service.saved_searches.all()] == ["in summer"]


def test_what_is_pressed_labels_place_after_place_once_and_undo_takes_the_last_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(place: PlaceToLabel, following: list[PlaceToLabel], *, heed: Any, **_: Any) -> None:
        """What a browser would send: two presses, of which the first is told again with the second."""
        both = [Press(1, place.id, "no"), Press(2, following[0].id, "yes")]
        st.button("twice", key="press", on_click=lambda: (heed(both[:1]), heed(both)))

    monkeypatch.setattr(labels, "verdicts", pressed)
    made = service.labelling.create("s", "demo", {"q": ASKED["q"]})
    first = best(service, 1)[0].tile_id
    app = app_at(panel="labels", labels=made.id, tile=first)
    choices = app.selectbox(key="labels").options
    ran(app.button(key="press").click().run())
    assert app.selectbox(key="labels").options == choices  # the browser tells them by their texts
    kept = service.labelling.sets.labels(made.id)
    assert [one.verdict for one in kept] == ["no", "yes"] and kept[0].tile_id == first != kept[1].tile_id
    assert address(app, "tile") and address(app, "tile")[0] not in {one.tile_id for one in kept}
    ran(app.button(key="undo labels").click().run())
    assert service.labelling.sets.labels(made.id) == kept[:1]


def test_what_makes_no_sense_is_no_press() -> None:
    told = [[1, "a", "no"], [2, "b"], [3, "c", "maybe"], ["4", "d", "yes"], [5, "e", None], "yes", [6, 7, "yes"]]
    assert presses({"rows": told}) == [Press(1, "a", "no"), Press(5, "e", None)]
    assert presses(None) == presses(told) == presses({"rows": 1}) == []


def test_what_is_learnt_is_shown_with_its_curve_its_map_and_its_areas(service: Service) -> None:
    made = learnable(service)
    app = app_at(panel="labels", labels=made.id)
    assert "Learnt from the labels" in told(app) and "10 yes and 10 no are few" in told(app)
    assert "The words alone" in told(app)
    before = len([one for one in app.button if (one.key or "").startswith("area ")])
    assert before
    ran(app.slider(key="cut").set_value(0.95).run())
    assert len([one for one in app.button if (one.key or "").startswith("area ")]) < before
    ran(app.button(key="probability").click().run())
    assert address(app, "show") == ["probability"] and address(app, "cut") == ["0.95"]


def test_a_link_to_a_set_that_is_gone_says_so_once(service: Service) -> None:
    app = app_at(panel="labels", labels="0" * 16, show="probability")
    assert "No set of labels" in told(app)
    assert not address(app, "labels") and not address(app, "show")
    assert "No set of labels" not in told(ran(app.run()))


def test_a_set_of_other_words_does_not_order_the_places(service: Service) -> None:
    made = learnable(service)
    app = app_at(panel="labels", labels=made.id, q="farmers harvesting wheat")
    assert "does not order the places" in told(app)


def test_where_nothing_may_be_changed_labels_are_shown_and_not_given(service: Service) -> None:
    made = learnable(service)
    service.read_only = True
    app = app_at(panel="labels", labels=made.id, tile=best(service, 1)[0].tile_id)
    keys = {one.key for one in app.button}
    assert not keys & {"draw labels", "delete set", "begin set"} and "probability" in keys
    assert "can be looked at here" in told(app)


def test_a_set_is_renamed_and_deleted(service: Service) -> None:
    made = learnable(service)
    app = app_at(panel="labels", labels=made.id)
    app.text_input(key="rename set").set_value("Bathers").run()
    ran(app.button(key="rename").click().run())
    assert service.labelling.sets.get(made.id).name == "Bathers"
    app.checkbox(key=f"sure to delete {made.id}").check().run()
    ran(app.button(key="delete set").click().run())
    assert service.labelling.sets.all() == [] and not address(app, "labels")
