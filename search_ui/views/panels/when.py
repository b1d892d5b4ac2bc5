"""When one would see it: the months and hours of the question in the area that is asked."""

import html
from dataclasses import replace

import numpy as np
import streamlit as st

from search_ui.maps.calendars import PlaceCalendar, scale_of
from search_ui.maps.scales import MONTHS
from search_ui.search.feedback import Feedback
from search_ui.search.likeliest import Likeliest
from search_ui.search.query import Query
from search_ui.search.remarks import say_likeliest
from search_ui.service.place_lists import key_of
from search_ui.service.service import Service, Shown
from search_ui.views import words
from search_ui.views.state.address import change
from search_ui.views.state.question import year


def when_panel(service: Service, shown: Shown, query: Query | None, feedback: Feedback) -> None:
    """The panel."""
    if query is None:
        st.caption("Ask for something first: then this says in which months and hours one would see it.")
        return
    if not shown.knows_time:
        st.info("The model of this collection knows no time: every moment would look the same.")
        return
    with st.spinner("Asking 288 moments …"):
        # all that decides the calendar: Streamlit hashes the key alone, arguments with a _ in front are only handed on
        key = f"{service.version(shown.name)} {key_of(replace(query, when=None))} {feedback} {year()}"
        calendar: PlaceCalendar = _kept_calendar(key, service, shown, query, feedback)
    month, hour = calendar.best
    st.markdown(f"**Best in {MONTHS[month - 1]} at {hour:02d}:00**", help=words.CALENDAR)
    said = say_likeliest(*_kept_likeliest(key, service, shown, query))
    st.markdown(f"{said[0].upper()}{said[1:]}.", help=words.LIKELIEST)
    st.html(months_and_hours(calendar))
    st.caption(f"Months down, hours across, local time of {calendar.year}; {calendar.statistic}. The best is framed.")
    st.button(
        f"Ask for {MONTHS[month - 1]}, {hour:02d}:00", on_click=change, key="take best",
        kwargs={"month": month, "hour": hour}, icon=":material/schedule:",
    )  # fmt: skip


def months_and_hours(calendar: PlaceCalendar) -> str:
    """The calendar as HTML, in letters of the page's own size: months down, hours across, the best moment framed."""
    scale, (best_month, best_hour) = scale_of(calendar), calendar.best
    cells = []
    for month, (row, colours) in enumerate(zip(calendar.cosine, scale.colours(calendar.cosine), strict=True), start=1):
        cells.append(f"<span>{MONTHS[month - 1]}</span>")
        for hour, (cosine, colour) in enumerate(zip(row.tolist(), colours.tolist(), strict=True)):
            known = np.isfinite(cosine)
            ground = "rgb({}, {}, {})".format(*colour) if known else "transparent"
            says = f"{MONTHS[month - 1]}, {hour:02d}:00: {f'cosine {cosine:.3f}' if known else 'no score'}"
            best = ' class="best"' if (month, hour) == (best_month, best_hour) else ""
            cells.append(f'<i{best} title="{says}" style="background: {ground}"></i>')
    hours = "".join(f'<span class="hour">{hour}</span>' for hour in range(0, 24, 3))
    ramp = ", ".join(
        "rgb({}, {}, {})".format(*colour) for colour in scale.lut[:: max(1, len(scale.lut) // 12)].tolist()
    )
    told = html.escape(f"{calendar.statistic} by month and hour, highest in {MONTHS[best_month - 1]} at {best_hour} h")
    return (
        f'<div class="gc-calendar" role="img" aria-label="{told}">'
        f'<div class="cells">{"".join(cells)}<span></span>{hours}</div><div class="ramp"><span>{scale.low:.2f}</span>'
        f'<b style="background: linear-gradient(to right, {ramp})"></b><span>{scale.high:.2f}</span></div></div>'
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_calendar(
    key: str,  # noqa: ARG001
    _service: Service,
    _shown: Shown,
    _query: Query,
    _feedback: Feedback,
) -> PlaceCalendar:
    return _service.calendar(_shown.name, replace(_query, when=None), _feedback, year=year())


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept_likeliest(key: str, _service: Service, _shown: Shown, _query: Query) -> tuple[float, Likeliest | None]:  # noqa: ARG001
    return _service.likeliest(_shown.name, replace(_query, when=None))
