"""The address of the page and the session's state when the browser is behind."""

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from search_ui.views.state import address

    address.load()
    if tile := st.session_state.pop("go to", None):
        address.change(tile=tile, panel="place")
    address.store()
    st.text(address.value("tile"))


def _run(app: AppTest, browser: dict[str, str], go_to: str = "") -> str:
    """What tile the page is at after a run that the browser asks for with an address."""
    app.query_params.clear()
    for name, word in browser.items():
        app.query_params[name] = word
    app.session_state["go to"] = go_to
    app.run()
    assert not app.exception
    return str(app.text[0].value)


def test_an_address_on_its_way_to_the_browser_does_not_bring_an_older_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LATE_S", "AT_ONCE_S"):
        monkeypatch.setattr(f"search_ui.views.state.address.{name}", 1000.0)  # however slow the machine
    app = AppTest.from_function(_page)
    assert _run(app, {"q": "a beach"}, "one") == "one"
    assert _run(app, {"q": "a beach"}, "two") == "two"  # the browser has not heard of one yet
    assert _run(app, {"q": "a beach", "tile": "one"}) == "two"  # now it has, of two not
    assert _run(app, {"q": "a beach"}) == "two"
    assert _run(app, {"q": "a beach", "tile": "three"}) == "three"  # comes from outside


def test_the_way_back_is_gone_at_once_and_what_is_moved_meanwhile_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_ui.views.state.address.LATE_S", 1000.0)
    monkeypatch.setattr("search_ui.views.state.address.AT_ONCE_S", 0.0)
    app = AppTest.from_function(_page)
    assert _run(app, {"q": "a beach"}, "one") == "one"
    app.session_state["month"] = 7  # as a slider does, before the browser has heard of the tile
    assert _run(app, {"q": "a beach"}) == "one"
    assert _run(app, {"q": "a beach"}) == ""


def _with_a_control() -> None:
    import streamlit as st

    from search_ui.views.state import address

    address.load()
    if not st.session_state.get("hidden"):
        st.select_slider("Month", list(range(-1, 13)), **address.held("month"))
    address.store()


def test_a_control_is_not_set_back_under_the_hand_and_comes_back_as_it_was_left() -> None:
    app = AppTest.from_function(_with_a_control)
    app.query_params["month"] = "7"
    app.run()
    assert app.select_slider(key="month").value == 7
    app.select_slider(key="month").set_value(9).run()
    # a value that the server sends would take back what was moved since
    assert not app.select_slider(key="month").proto.set_value
    for hidden in (True, True, False):
        app.session_state["hidden"] = hidden
        app.run()
        assert app.query_params["month"] == "9"
    assert (app.select_slider(key="month").value, app.select_slider(key="month").proto.set_value) == (9, True)
