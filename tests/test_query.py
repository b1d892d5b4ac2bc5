"""Questions that are well formed, and those that are not."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import Point, Polygon, box

from search_ui.search.likeliest import Likeliest
from search_ui.search.query import Answer, Hit, Part, Query
from trainer.errors import AreaError, UsageError

EARLY, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)


def ask(text: str = "a", **asked: Any) -> Query:
    return Query(parts=(Part("text", text),), **asked)


def test_text_image_and_tile_may_be_asked_together_with_weights() -> None:
    parts = (Part("text", "a beach"), Part("image", Path("crop.png"), 2.0), Part("tile", "t1"), Part("text", "b", -0.5))
    assert Query(parts=parts, k=3).as_dict() == {
        "text": "a beach",
        "parts": [
            {"text": "a beach", "weight": 1.0},
            {"image": "crop.png", "weight": 2.0},
            {"tile": "t1", "weight": 1.0},
            {"text": "b", "weight": -0.5},
        ],
        "k": 3,
    }


def test_a_tile_alone_is_a_question_with_nine_hits() -> None:
    assert Query(parts=(Part("tile", "t1"),)).as_dict() == {"parts": [{"tile": "t1", "weight": 1.0}], "k": 9}


def test_a_moment_is_said_with_what_it_has() -> None:
    moments = (datetime(2025, 7, 14, 18), date(2025, 7, 14), time(18))
    assert [ask(when=when).as_dict()["when"] for when in moments] == ["2025-07-14T18:00:00", "2025-07-14", "18:00:00"]


@pytest.mark.parametrize(
    ("value", "weight", "says"),
    [
        ("", 1, "the text is empty"),
        (" \t\n", 1, "the text is empty"),
        ("\x00\x1b\u200b\u3000", 1, "the text is empty"),
        ("", -1, "--not is empty"),
        ("a\udcff", 1, "not valid Unicode"),
        ("x" * 10_000, 1, "77 tokens"),
        ("a", float("nan"), "weight nan"),
        ("a", float("inf"), "weight inf"),
        ("a", 0, "weight 0"),
        ("a", 101, "up to 100"),
    ],
)
def test_a_part_that_cannot_be_is_refused_with_what_to_do(value: str, weight: float, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Part("text", value, weight)


def test_a_tile_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="tile id"):
        Part("tile", " ")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"parts": ()}, "nothing to search for"),
        ({"parts": (Part("text", "rocks", -0.5),)}, "--not only takes away"),
        ({"k": 0}, "1..10000"),
        ({"k": 10_000_000}, "1..10000"),
        ({"area": Polygon()}, "area is empty"),
        ({"min_relevance": 1.5}, "minimum relevance 1.5"),
        ({"min_relevance": float("nan")}, "minimum relevance nan"),
        ({"when": datetime(2020, 1, 1, tzinfo=UTC)}, "wall-clock time"),
        ({"acquired_from": datetime(2020, 1, 1)}, "no time zone"),
        ({"acquired_from": LATE, "acquired_to": EARLY}, "run backwards"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_what_to_do(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Query(**{"parts": (Part("text", "a"),)} | asked)


def test_the_longest_text_and_the_largest_k_are_allowed() -> None:
    assert ask("x" * 2000, k=10_000).k == 10_000


def test_signs_that_are_no_words_are_a_question_too() -> None:
    assert ask("🏖️").as_dict()["text"] == "🏖️"


def test_a_question_says_its_area_and_dates_in_json() -> None:
    moment = datetime(2020, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    told = json.loads(json.dumps(ask(area=box(0, 1, 2, 3), acquired_from=moment).as_dict()))
    assert told["area"]["type"] == "Polygon"
    assert told["acquired_from"] == "2020-06-01T00:00:00Z"
    coast = ask(area=Point(0, 0).buffer(1, 1000)).as_dict()["area"]
    assert coast["bbox"] == pytest.approx([-1, -1, 1, 1])
    assert coast["vertices"] > 1000


def test_an_empty_area_is_an_area_error() -> None:
    with pytest.raises(AreaError):
        ask(area=Polygon())


def test_a_hit_in_json_has_exactly_the_documented_fields() -> None:
    hit = Hit(
        rank=1, tile_id="t1", lat=1.0, lon=2.0, bbox=(1.9, 0.9, 2.1, 1.1), cosine=0.25, relevance=0.5,
        acquired_at=datetime(2020, 6, 1, tzinfo=UTC), source="a.tif", collection="c", model_id="m", grade="possible",
        near="3 km NE of B", size_m=480, place=0.9, likeliest=Likeliest((5, 10), None, 7, 14), not_now=True,
    )  # fmt: skip
    told = json.loads(Answer(query=ask("é").as_dict(), method="index", candidates=7, hits=[hit]).to_json())
    assert list(told) == ["query", "method", "candidates", "hits"]
    assert told["query"]["text"] == "é"
    assert told["hits"] == [
        {
            "rank": 1, "tile_id": "t1", "lat": 1.0, "lon": 2.0, "bbox": [1.9, 0.9, 2.1, 1.1], "cosine": 0.25,
            "relevance": 0.5, "acquired_at": "2020-06-01T00:00:00Z", "source": "a.tif", "collection": "c",
            "model_id": "m", "grade": "possible", "near": "3 km NE of B", "place": 0.9,
                "likeliest": {
                    "months": [5, 10], "hours": None, "best": {"month": 7, "hour": 14}, "hemisphere": None,
                    "says": "May to October",
                },
                "not_now": True,
        }
    ]  # fmt: skip
    assert list(told["hits"][0])[-3:] == ["place", "likeliest", "not_now"]


def test_a_note_stands_beside_the_hits_only_when_there_is_one() -> None:
    empty = Answer(query={"text": "a"}, method="index", candidates=0, hits=[], note="the nearest tile is 12 km away")
    assert json.loads(empty.to_json())["note"] == "the nearest tile is 12 km away"
