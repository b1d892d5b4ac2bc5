"""Times as cameras and programs write them: read where they are a moment, and nothing made up where they are not."""

from datetime import UTC, datetime, timedelta

import pytest

from trainer.shards.wall_clock import has_no_hour, parse_wall_clock

EVENING = datetime(2021, 7, 14, 18, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2021:07:14 18:05:00",
        "2021-07-14 18:05:00",
        "2021/07/14 18:05:00",
        "2021.07.14 18:05:00",
        "2021-07-14T18:05:00.000",
        "2021:07:14 18:05",
        "2021/7/14 18:05",
        "14.07.2021 18:05",
        "20210714_180500",
        "20210714T180500",
        "20210714180500",
        "2021:07:14 06:05:00 PM",
        "2021:07:14 18:05:00 pm",
        "  2021:07:14  18:05:00 ",
        "2021: 7:14 18: 5: 0",
    ],
)
def test_a_wall_clock_is_read_in_the_ways_it_is_written(text: str) -> None:
    found = parse_wall_clock(text)
    assert found is not None
    assert (found.local, found.ahead, found.utc) == (EVENING, None, None)


@pytest.mark.parametrize(
    ("text", "hours", "utc"),
    [
        ("2004-09-04T23:39:06-08:00", -8, datetime(2004, 9, 5, 7, 39, 6, tzinfo=UTC)),
        ("2004:09:04 23:39:06Z", 0, datetime(2004, 9, 4, 23, 39, 6, tzinfo=UTC)),
        ("2004:09:04 23:39:06 +0530", 5.5, datetime(2004, 9, 4, 18, 9, 6, tzinfo=UTC)),
        ("2004-09-04 23:39:06+02", 2, datetime(2004, 9, 4, 21, 39, 6, tzinfo=UTC)),
        ("2004-09-04 23:39:06+20:00", 20, None),  # there is no such zone
    ],
)
def test_an_offset_gives_utc_and_leaves_the_wall_clock(text: str, hours: float, utc: datetime | None) -> None:
    found = parse_wall_clock(text)
    assert found is not None
    assert (found.local, found.ahead, found.utc) == (datetime(2004, 9, 4, 23, 39, 6), timedelta(hours=hours), utc)


@pytest.mark.parametrize("text", ["2021-07-14", "2021:07:14", "20210714", "14.07.2021", "2021:07:14   :  :  "])
def test_a_date_alone_has_no_hour(text: str) -> None:
    assert parse_wall_clock(text) is None
    assert has_no_hour(text)


@pytest.mark.parametrize(
    "text",
    ["", "0000:00:00 00:00:00", "2021:06:31 10:00:00", "2021:07:14 24:00:00", "2021:07:14 18:60:00", "1626278700",
     "1612121012345", "18:05", "yesterday", "07/14/2021 18:05", "2021:07-14 18:05:00", "0001:01:01 00:00:00+05:00",
     "9999-12-31 23:59:59-05:00"],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_wall_clock(text) is None
    assert not has_no_hour(text)
