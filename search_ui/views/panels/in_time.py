"""The question in time: two moments side by side, their difference, a film, the calendar, the best moment of each tile.

Maps that are compared have one scale. It does not know how scores are made.
"""

from dataclasses import replace
from datetime import datetime

import streamlit as st

from search_ui.components.map_pair import Frame, show_maps
from search_ui.maps.calendars import PlaceCalendar, best_moments, draw_calendar
from search_ui.maps.layers import Words
from search_ui.maps.scales import MONTHS, hour_scale, month_scale
from search_ui.search.likeliest import Likeliest, say_likeliest
from search_ui.search.moments import MONTH_DAY
from search_ui.search.query import Query
from search_ui.search.series import calendar_moments
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.map.backdrop import ground_of
from search_ui.views.map.heat import HeatPicture, difference, heats, painted
from search_ui.views.map.moment_bar import moment_bar
from search_ui.views.state.address import ANY, change, value
from search_ui.views.state.question import say_when, shown_value, when_of, year
from trainer.encoding import When

_HEIGHT = 470
_BEST_HOURS = 3  # every third hour of the 15th of each month


def show_in_time(service: Service, shown: Shown, query: Query) -> None:
    """The view that the address names."""
    if not shown.knows_time:
        st.info("The model of this collection knows no time: every moment would look the same.")
        return
    match value("view"):
        case "two moments":
            _two(service, shown, query)
        case "difference":
            _difference(service, shown, query)
        case "film":
            _film(service, shown, query)
        case "calendar":
            _calendar(service, shown, query)
        case _:
            _best(service, shown, query)


def _two(service: Service, shown: Shown, query: Query) -> None:
    whens = (when_of("month", "hour"), when_of("month2", "hour2"))
    drawn = heats(service, shown.name, query, whens, shown_value())
    if not drawn:
        st.warning("No tile lies in that area and was acquired in that time.")
        return
    frames = [[_frame(heat, when) for heat, when in zip(drawn, whens, strict=True)]]
    _maps(shown, drawn[0], frames, key="two moments")
    st.caption("Both maps have one scale; they move together.")
    _bars(shown)


def _difference(service: Service, shown: Shown, query: Query) -> None:
    first, second = when_of("month", "hour"), when_of("month2", "hour2")
    drawn = difference(service, shown.name, query, first, second, shown_value())
    if drawn is None:
        st.warning("No tile lies in that area and was acquired in that time.")
        return
    name = f"{say_when(first)} less {say_when(second)}"
    _maps(shown, drawn, [[Frame(drawn.url, name, f"Difference of {shown_value()}: {name}")]], key="difference")
    st.caption(words.DIFFERENCE)
    _bars(shown)


def _film(service: Service, shown: Shown, query: Query) -> None:
    over = st.segmented_control("Play over", ["months", "hours"], default="months", key="film over", required=True)
    whens: list[When]
    if over == "hours":
        month = value("month") if value("month") > 0 else 7
        whens = [datetime(year(), month, MONTH_DAY, hour) for hour in range(24)]
    else:
        hour = value("hour") if value("hour") != ANY else 12
        whens = [datetime(year(), month, MONTH_DAY, hour) for month in range(1, 13)]
    with st.spinner(f"Drawing {len(whens)} maps …"):
        drawn = heats(service, shown.name, query, whens, shown_value())
    if not drawn:
        st.warning("No tile lies in that area and was acquired in that time.")
        return
    frames = [[_frame(heat, when)] for heat, when in zip(drawn, whens, strict=True)]
    _maps(shown, drawn[0], frames, key=f"film {over}")
    st.caption(f"One scale for all {len(whens)} moments. The other of month and hour is the one of the sliders.")
    moment_bar(shown, "month", "hour")


def _calendar(service: Service, shown: Shown, query: Query) -> None:
    with st.spinner("Asking 288 moments …"):
        # all that decides the calendar: Streamlit hashes the key alone, arguments with a _ in front are only handed on
        key = f"{service.version(shown.name)} {query!r} {year()}"
        calendar: PlaceCalendar = _kept_calendar(key, service, shown, query)
    month, hour = calendar.best
    st.markdown(f"**Best in {MONTHS[month - 1]} at {hour:02d}:00**", help=words.CALENDAR)
    said = say_likeliest(*_kept_likeliest(key, service, shown, query))
    st.markdown(f"{said[0].upper()}{said[1:]}.", help=words.LIKELIEST)
    title = " ".join(part.as_dict().get("text", "") for part in query.parts).strip()
    around = Words(title, (calendar.statistic,), shown.attribution)
    picture = draw_calendar(calendar, around)
    st.image(picture, width="stretch", output_format="PNG")
    st.caption(f"Months down, hours across, local time of {calendar.year}; {calendar.statistic}. The best is framed.")
    st.button(
        f"Ask for {MONTHS[month - 1]}, {hour:02d}:00", on_click=change, key="take best",
        kwargs={"month": month, "hour": hour, "view": "map"}, icon=":material/schedule:",
    )  # fmt: skip


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_calendar(key: str, _service: Service, _shown: Shown, _query: Query) -> PlaceCalendar:  # noqa: ARG001
    return _service.calendar(_shown.name, replace(_query, when=None), year=year())


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_likeliest(key: str, _service: Service, _shown: Shown, _query: Query) -> tuple[float, Likeliest | None]:  # noqa: ARG001
    return _service.likeliest(_shown.name, replace(_query, when=None))


def _best(service: Service, shown: Shown, query: Query) -> None:
    wanted = st.segmented_control("Show the best", ["month", "hour"], default="month", key="best of", required=True)
    moments = [when for when in calendar_moments(year()) if when.hour % _BEST_HOURS == 0]
    asked = replace(query, when=None)
    with st.spinner(f"Asking {len(moments)} moments …"):
        reel = service.reel(shown.name, asked, moments)
        best = best_moments(reel)
    if not len(best.month):
        st.warning("No tile lies in that area and was acquired in that time.")
        return
    scores = service.scores(shown.name, asked)
    values, scale = (best.hour, hour_scale()) if wanted == "hour" else (best.month, month_scale())
    drawn = painted(service, shown.name, asked, scores, values, scale)
    name = f"best {wanted}"
    _maps(shown, drawn, [[Frame(drawn.url, name, f"Map of the {name} of each tile")]], key=f"best {wanted}")
    st.caption(f"{words.BEST_MOMENT} Looked at: the 15th of each month, every third hour.")


def _frame(heat: HeatPicture, when: When) -> Frame:
    name = say_when(when)
    return Frame(heat.url, name, f"Map of {shown_value()} at {name}")


def _maps(shown: Shown, heat: HeatPicture, frames: list[list[Frame]], *, key: str) -> None:
    opacity = value("opacity") / 100
    show_maps(ground_of(shown), heat.bounds, frames, key=f"{key} {shown.name}", opacity=opacity, height=_HEIGHT)
    pieces.legend(heat.scale, heat.clear)


def _bars(shown: Shown) -> None:
    moment_bar(shown, "month", "hour", title="First")
    moment_bar(shown, "month2", "hour2", title="Second")
