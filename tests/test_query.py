"""Questions that are well formed, and those that are not."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import Point, Polygon, box

from search_ui.query import Answer, Hit, Query
from trainer.errors import AreaError, UsageError

EARLY, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)


def test_text_image_and_tile_may_be_asked_together() -> None:
    query = Query(text="a beach", image=Path("crop.png"), tile_id="t1", negatives=("rocks",), k=3)
    assert query.as_dict() == {"text": "a beach", "image": "crop.png", "tile_id": "t1", "not": ["rocks"], "k": 3}


def test_a_tile_alone_is_a_question_with_nine_hits() -> None:
    assert Query(tile_id="t1").as_dict() == {"tile_id": "t1", "k": 9}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "nothing to search for"),
        ({"negatives": ("rocks",)}, "--not only takes away"),
        ({"text": ""}, "the text is empty"),
        ({"text": " \t\n"}, "the text is empty"),
        ({"text": "\x00\x1b\u200b\u3000"}, "the text is empty"),
        ({"text": "a", "negatives": ("",)}, "--not is empty"),
        ({"text": "a\udcff"}, "not valid Unicode"),
        ({"text": "x" * 2001}, "77 tokens"),
        ({"tile_id": " "}, "tile id"),
        ({"text": "a", "k": 0}, "1..10000"),
        ({"text": "a", "k": 10_001}, "1..10000"),
        ({"text": "a", "area": Polygon()}, "area is empty"),
        ({"text": "a", "acquired_from": datetime(2020, 1, 1)}, "no time zone"),
        (
            {
                "text": "a",
                "acquired_from": datetime(2020, 1, 2, tzinfo=UTC),
                "acquired_to": datetime(2020, 1, 1, tzinfo=UTC),
            },
            "run backwards",
        ),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_what_to_do(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Query(**asked)


def test_the_longest_text_and_the_largest_k_are_allowed() -> None:
    assert Query(text="x" * 2000, k=10_000).k == 10_000


def test_a_question_says_its_area_and_dates_in_json() -> None:
    moment = datetime(2020, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    told = json.loads(json.dumps(Query(text="a", area=box(0, 1, 2, 3), acquired_from=moment).as_dict()))
    assert told["area"]["type"] == "Polygon"
    assert told["acquired_from"] == "2020-06-01T00:00:00Z"
    coast = Query(text="a", area=Point(0, 0).buffer(1, 1000)).as_dict()["area"]
    assert coast["bbox"] == pytest.approx([-1, -1, 1, 1])
    assert coast["vertices"] > 1000


def test_an_empty_area_is_an_area_error() -> None:
    with pytest.raises(AreaError):
        Query(text="a", area=Polygon())


def test_a_hit_in_json_has_exactly_the_documented_fields() -> None:
    hit = Hit(
        rank=1, tile_id="t1", lat=1.0, lon=2.0, bbox=(1.9, 0.9, 2.1, 1.1), cosine=0.25, relevance=None,
        acquired_at=datetime(2020, 6, 1, tzinfo=UTC), source="a.tif", collection="c", model_id="m", size_m=480,
    )  # fmt: skip
    told = json.loads(Answer(query=Query(text="é").as_dict(), method="index", candidates=7, hits=[hit]).to_json())
    assert list(told) == ["query", "method", "candidates", "hits"]
    assert told["query"]["text"] == "é"
    assert told["hits"] == [
        {
            "rank": 1, "tile_id": "t1", "lat": 1.0, "lon": 2.0, "bbox": [1.9, 0.9, 2.1, 1.1], "cosine": 0.25,
            "relevance": None, "acquired_at": "2020-06-01T00:00:00Z", "source": "a.tif", "collection": "c",
            "model_id": "m",
        }
    ]  # fmt: skip
    assert list(told["hits"][0])[-1] == "model_id"


def test_a_note_stands_beside_the_hits_only_when_there_is_one() -> None:
    empty = Answer(query={"text": "a"}, method="index", candidates=0, hits=[], note="the nearest tile is 12 km away")
    assert json.loads(empty.to_json())["note"] == "the nearest tile is 12 km away"
