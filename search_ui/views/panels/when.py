"""When one would see it: the months and hours of the question in the area that is asked."""

from dataclasses import replace

import streamlit as st

from search_ui.maps.calendars import PlaceCalendar, draw_calendar
from search_ui.maps.layers import Words
from search_ui.maps.scales import MONTHS
from search_ui.search.feedback import Feedback
from search_ui.search.likeliest import Likeliest, say_likeliest
from search_ui.search.query import Query
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
    title = " ".join(part.as_dict().get("text", "") for part in query.parts).strip()
    around = Words(title, (calendar.statistic,), shown.attribution)
    st.image(draw_calendar(calendar, around), width="stretch", output_format="PNG")
    st.caption(f"Months down, hours across, local time of {calendar.year}; {calendar.statistic}. The best is framed.")
    st.button(
        f"Ask for {MONTHS[month - 1]}, {hour:02d}:00", on_click=change, key="take best",
        kwargs={"month": month, "hour": hour}, icon=":material/schedule:",
    )  # fmt: skip


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
