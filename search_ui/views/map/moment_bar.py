"""The moment that is asked about: month and hour, each with “any”, and what the sun does there then.

It does not know what the moment changes.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import streamlit as st

from search_ui.maps.scales import MONTHS
from search_ui.service.service import Shown
from search_ui.views import words
from search_ui.views.state.address import ANY, held, value
from search_ui.views.state.question import year
from trainer.earth import sun_altitude_deg
from trainer.encoding import MonthHour

_MONTH_NAMES = {ANY: "any", **dict(enumerate(MONTHS, start=1))}
_HOUR_NAMES = {ANY: "any", **{hour: f"{hour:02d}:00" for hour in range(24)}}
_TWO = (
    ("First month", "month", _MONTH_NAMES),
    ("First hour", "hour", _HOUR_NAMES),
    ("Second month", "month2", _MONTH_NAMES),
    ("Second hour", "hour2", _HOUR_NAMES),
)
_TWILIGHT_DEG = -6.0


def moment_bar(shown: Shown, *, two: bool = False) -> None:
    """Sliders for the moment that is asked about, or for two moments."""
    if not shown.knows_time:
        st.caption("The model of this collection knows no time: every answer is for no particular moment.")
        return
    if not two:
        left, right = st.columns(2)
        with left:
            _slider("Month", "month", _MONTH_NAMES)
        with right:
            _slider("Hour, local time", "hour", _HOUR_NAMES)
        st.caption(daylight(shown, value("month"), value("hour")) or "Local time at the place.")
        return
    for column, (label, key, names) in zip(st.columns(4), _TWO, strict=True):
        with column:
            _slider(label, key, names)


def second_moment(shown: Shown) -> None:
    """Sliders for the second of two moments."""
    left, right = st.columns(2)
    with left:
        _slider("Second month", "month2", _MONTH_NAMES)
    with right:
        _slider("Second hour", "hour2", _HOUR_NAMES)
    st.caption(daylight(shown, value("month2"), value("hour2")))


def _slider(label: str, key: str, names: dict[int, str]) -> None:
    if value(key) not in names:  # month 0 is no month
        st.session_state[key] = ANY
    st.select_slider(label, list(names), **held(key), format_func=names.__getitem__, help=words.MOMENT)


def daylight(shown: Shown, month: int, hour: int) -> str:
    """Whether it is day at the middle of the collection, and from when to when; nothing where no month is asked."""
    if shown.bounds is None or month <= 0:
        return ""
    west, south, east, north = shown.bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    quarters = [MonthHour.of(year(), month, n // 4, n % 4 * 15) for n in range(96)]
    heights = [float(sun_altitude_deg(lat=lat, lon=lon, when=moment)) for moment in quarters]
    told = _sun_up(quarters, heights)
    if hour == ANY:
        return f"{MONTHS[month - 1]} there: {told}."
    # quarters of an hour
    height = heights[4 * hour]
    state = "daylight" if height > 0 else "twilight" if height > _TWILIGHT_DEG else "night"
    standing = f", the sun {height:.0f}° high" if height > 0 else ""
    return f"{MONTHS[month - 1]}, {hour:02d}:00 there: {state}{standing}; {told}."


def _sun_up(quarters: Sequence[datetime], heights: Sequence[float]) -> str:
    up = np.flatnonzero(np.asarray(heights) > 0)
    if not len(up):
        return "the sun does not rise"
    if len(up) == len(heights):
        return "the sun does not set"
    return f"the sun is up from about {quarters[up[0]]:%H:%M} to {quarters[up[-1]]:%H:%M}"
