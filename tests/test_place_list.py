"""The list of places: its order is that of the number it shows, and no number contradicts its word."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from ingest.field.scorer import NO_DATE
from search_ui.maps.certainty import NOTHING, colour_of, share_of
from search_ui.search.feedback import NOTHING_SAID
from search_ui.search.query import Answer, Hit, Part, Query
from search_ui.search.relevance.calibration import POSSIBLE, STRONG, WEAK, grade, say_relevance
from search_ui.search.scores import Scores
from search_ui.service.place_list import Listed, PlaceList, listed_rows
from search_ui.service.place_lists import PlaceLists

UNDATED = np.full(100, NO_DATE, np.int64)


def scores(relevance, cosine=None, lat=None):
    n = len(relevance)
    cosine = np.linspace(0.1, 0.2, n) if cosine is None else cosine
    lat = np.arange(n) * 1.0 if lat is None else lat
    told = (np.array(one, np.float32) for one in (cosine, relevance))
    return Scores(
        [f"t{i}" for i in range(n)], np.array(lat, float), np.zeros(n), np.full(n, 480, np.float32), *told, None
    )


def rows(of, taken=UNDATED, **listed):
    return listed_rows(of, Listed(**listed), taken[: len(of.tile_id)]).tolist()


@pytest.mark.parametrize("edge", [WEAK, POSSIBLE, STRONG])
@pytest.mark.parametrize("off", [-1e-3, -6e-5, -4e-5, -1e-7, 0.0, 1e-7, 4e-5, 6e-5])
def test_digits_never_claim_a_word_that_the_relevance_does_not_reach(edge, off) -> None:
    value = float(np.float32(edge + off))
    assert (float(say_relevance(value)) >= edge) == (grade(value) == grade(edge))
    assert (colour_of(value) != NOTHING and share_of(value) >= share_of(edge)) == (grade(value) == grade(edge))


def test_words_bars_and_colours_rise_together() -> None:
    values = np.linspace(0, 1, 101)
    shares = [share_of(value) for value in values]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert {colour_of(value) for value in values if grade(value) == "nothing"} == {NOTHING}
    assert NOTHING not in {colour_of(value) for value in values if grade(value) != "nothing"}


def test_the_list_is_in_the_order_of_its_number_equals_by_cosine_then_by_id() -> None:
    of = scores([0.5, 0.7, 0.50001, 0.7, np.nan], [0.3, 0.1, 0.4, 0.1, np.nan])
    assert rows(of) == [1, 3, 2, 0]  # 0.50001 and 0.5 are told by the same digits
    assert rows(of, order="cosine") == [2, 0, 1, 3]
    assert rows(of, k=2) == [1, 3]
    assert rows(of, least=0.6) == [1, 3]


def test_by_date_the_newest_comes_first_and_by_distance_the_nearest_of_the_same_places() -> None:
    of = scores([0.9, 0.8, 0.7, 0.1], lat=[10, 20, 30, 0])
    taken = np.array([5, NO_DATE, 9, 99], np.int64)
    assert rows(of, taken, order="date", k=3) == [2, 0, 1]
    assert rows(of, order="distance", near=(29.0, 0.0), k=3) == [2, 1, 0]
    assert rows(of, order="distance", near=None, k=3) == [0, 1, 2]  # no middle is known yet


def test_of_tiles_that_overlap_only_the_best_is_listed_unless_all_are_asked_for() -> None:
    of = scores([0.3, 0.9, 0.5], lat=[0.0, 0.001, 1.0])
    assert rows(of) == [1, 2]
    assert rows(of, apart=False) == [1, 2, 0]


def test_ten_thousand_places_are_listed_and_pinned() -> None:
    draw = np.random.default_rng(0)
    of = scores(draw.random(12_000), draw.random(12_000), lat=np.linspace(-80, 80, 12_000))
    found = rows(of, np.full(12_000, NO_DATE, np.int64), k=10_000, apart=False)
    assert len(found) == 10_000 and np.all(np.diff(np.round(of.relevance[found].astype(float), 4)) <= 0)
    pins = PlaceList(of, np.array(found), lambda _: []).pins()
    assert len(pins) == 10_000 and pins[0][0] == of.tile_id[found[0]]


def test_the_tile_at_a_point_is_found_on_either_side_of_the_date_line() -> None:
    of = scores([0.5, 0.6], lat=[0.0, 0.0])
    of.lon[:] = 179.999, 10.0
    places = PlaceList(of, np.array([0]), lambda _: [])
    assert places._row_at(0.0, -179.9995) == 0
    assert places._row_at(0.0, 10.0) == 1
    assert places._row_at(50.0, 10.0) is None


def test_a_first_page_of_what_an_index_proposes_is_in_the_order_that_is_asked() -> None:
    def hit(number: int, relevance: float) -> Hit:
        taken = datetime(2020 + number, 1, 1, tzinfo=UTC)
        return Hit(
            rank=number, tile_id=f"t{number}", lat=float(number), lon=0.0, bbox=(0, 0, 0, 0), cosine=0.1,
            relevance=relevance, acquired_at=taken, source="a", collection="c", model_id="m", grade=grade(relevance),
            near=None, size_m=480.0,
        )  # fmt: skip

    hits = [hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)]
    engine = SimpleNamespace(
        version=str, tiles=lambda _: SimpleNamespace(spec={}), scores_every_tile=lambda _: False,
        search=lambda *_: Answer(query={}, method="candidates of the index", candidates=3, hits=hits),
    )  # fmt: skip
    shown = PlaceLists(engine, lambda *_: None).show(
        "c", Query(parts=(Part("text", "x"),)), Listed(order="date"), NOTHING_SAID
    )
    first = [(one.rank, one.tile_id) for one in shown.found.answer.hits]
    assert first == [(1, "t3"), (2, "t2"), (3, "t1")] == [(one.rank, one.tile_id) for one in shown.places.hits()]
