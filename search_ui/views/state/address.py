"""The state of the search page, which is also its address: a link shows to others what it showed to you.

A field has a name in the address, a default that is left out of it, and the session's value, which a widget of the same
key may hold. What a person does before the browser has heard of a new address arrives with the one before, and is no
link that was followed; an address of before with which nothing else has changed is the browser's way back.

It knows neither collections nor engines: `search_ui.views.state.question` makes a query of it.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from search_ui.service.links import MAX_CHARS, written

_KNOWN, _BEFORE, _LEFT = "known_address", "address_before", "fields_left"
LATE_S = 2.0  # so long an address that was just replaced may still arrive, with a field that was changed meanwhile
AT_ONCE_S = 0.5  # and without one, such as with a click that changes none by itself
Address = dict[str, tuple[str, ...]]
_INTEGER = re.compile(r"-?[0-9]{1,9}")


def _number(low: float, high: float) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        try:
            value = float(text)
        except ValueError:
            return None
        return value if low <= value <= high else None

    return read


def _whole(low: int, high: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        return int(text) if _INTEGER.fullmatch(text) and low <= int(text) <= high else None

    return read


def _one_of(*names: str) -> Callable[[str], str | None]:
    return lambda text: text if text in names else None


def _switch(text: str) -> bool | None:
    return {"1": True, "0": False}.get(text)


def _place(text: str) -> str | None:
    """Latitude and longitude as `43.05,-164.95`; nothing as nothing."""
    try:
        lat, lon = map(float, text.split(","))
    except ValueError:
        return None
    return text if abs(lat) <= 90 and abs(lon) <= 180 else None


def _text(text: str) -> str | None:
    return text[:MAX_CHARS]


@dataclass(frozen=True)
class AddressField:
    """One part of the state.

    Attributes:
        default: Its value where the address says nothing (but see `unsaid`); left out when one is written.
        read: What an address says, or None where it cannot be.
        several: Whether it may stand there several times; the value is then a list.
    """

    default: Any
    read: Callable[[str], Any] = _text
    several: bool = False


ANY = -1  # no month, no hour
UNSET = -2  # of the second moment: the first one's hour, half a year away
VIEWS = ("map", "two moments", "difference", "film", "best moment")
PANELS = ("places", "place", "when", "labels", "export")

FIELDS: dict[str, AddressField] = {
    "collection": AddressField(""),
    "q": AddressField(""),
    "plus": AddressField([], several=True),
    "minus": AddressField([], several=True),
    "image": AddressField(""),  # a picture that was given, by the name of its kept copy
    "like": AddressField(""),  # a tile to be like
    "area": AddressField(""),  # place:NAME, wkt:POLYGON …, or file:ID of an upload that was kept
    "from": AddressField(""),
    "to": AddressField(""),
    "min": AddressField(0.0, _number(0, 1)),
    "k": AddressField(100, _whole(1, 10_000)),
    "sort": AddressField("relevance", _one_of("relevance", "cosine", "date", "distance")),
    "middle": AddressField("", _place),  # where distances are from
    "panel": AddressField("places", _one_of(*PANELS)),
    "month": AddressField(ANY, _whole(-1, 12)),
    "hour": AddressField(ANY, _whole(-1, 23)),
    "month2": AddressField(UNSET, _whole(-1, 12)),
    "hour2": AddressField(UNSET, _whole(-1, 23)),
    "year": AddressField(None, _whole(1, 9999)),  # None: this year
    "view": AddressField("map", _one_of(*VIEWS)),
    "show": AddressField("relevance", _one_of("relevance", "cosine", "probability", "nothing")),
    "base": AddressField("imagery", _one_of("imagery", "plain", "OpenStreetMap")),
    "opacity": AddressField(90, _whole(0, 100)),
    "side": AddressField("swipe", _one_of("swipe", "beside")),  # how two moments lie
    "over": AddressField("months", _one_of("months", "hours")),  # what a film runs over
    "best": AddressField("month", _one_of("month", "hour")),
    "overlay": AddressField(""),  # outlines of one's own, by the name of their kept copy
    "tile": AddressField(""),
    "gallery": AddressField(""),
    "beside": AddressField(False, _switch),  # photos of a second moment beside the first
    "words": AddressField(False, _switch),
    "wordy": AddressField(False, _switch),
    "dated": AddressField(False, _switch),
    "labels": AddressField(""),  # the set, by its id
    "cut": AddressField(0.5, _number(0.05, 0.95)),  # least probability
    "up": AddressField([], several=True),  # tiles that were found right
    "down": AddressField([], several=True),  # and wrong
}


def value(name: str) -> Any:
    """The present value of a field."""
    return st.session_state.get(name, FIELDS[name].default)


def change(**values: Any) -> None:
    """Set fields; of a field with a widget only before that widget is shown, such as in a callback."""
    st.session_state.update(values)


def held(name: str) -> dict[str, Any]:
    """What a widget is given that holds a field: its key, and that its value stays when it is not shown any more."""
    return {"key": name, "persist_state": "session"}


def set_second_moment() -> None:
    """Give the second of two moments, where nobody has, the first one's hour half a year away; before its sliders."""
    if value("month2") == UNSET:
        change(month2=1 if value("month") < 1 else (value("month") + 5) % 12 + 1)
    if value("hour2") == UNSET:
        change(hour2=value("hour"))


def unsaid(name: str, of_a_place: bool) -> Any:
    """The value of a field that an address leaves out; `of_a_place`: it names a tile, which is then shown."""
    return "place" if name == "panel" and of_a_place else FIELDS[name].default


def load() -> list[str]:
    """Bring the session to what the address says, if the address has come from outside since the last run.

    Returns:
        What of it cannot be and is left out, as it stands there: `month=99`.
    """
    address, left_out = _arrived(), list[str]()
    known = address == st.session_state.get(_KNOWN) or _late(address)
    if address and not known:  # without one, another page has been shown
        st.session_state[_KNOWN] = address
        for name, field in FIELDS.items():
            words = address.get(name, ())
            st.session_state[name] = _read(field, words) if words else unsaid(name, "tile" in address)
            left_out += [f"{name}={one}" for one in words if one and field.read(one) is None]
    for name, field in FIELDS.items():
        # not what is there already: a widget would go back to it under the hand that moves it on
        st.session_state.setdefault(name, field.default)
    return left_out


def store() -> None:
    """Write the session's state into the address."""
    values = {name: field.default if value(name) is None else value(name) for name, field in FIELDS.items()}
    address = {name: written(values[name]) for name in FIELDS if values[name] != unsaid(name, bool(values["tile"]))}
    # a value that is too long stays in the session and out of the link
    address = {name: words for name, words in address.items() if sum(map(len, words)) <= MAX_CHARS}
    arrived = _arrived()
    if address != arrived:
        # when runs follow quickly, the browser may be several addresses behind
        now, known = time.monotonic(), st.session_state.get(_KNOWN, arrived)
        recent = [(at, one) for at, one in st.session_state.get(_BEFORE, []) if now - at < LATE_S]
        st.session_state[_BEFORE] = [*recent, (now, arrived), *([(now, known)] if known != arrived else [])]
        st.query_params.from_dict({name: list(words) for name, words in address.items()})
    st.session_state[_KNOWN], st.session_state[_LEFT] = address, values


def fitting(state: Mapping[str, Any]) -> dict[str, Any]:
    """Of a state that was kept, what the fields can hold; such as of a program before this one."""
    read = {}
    for name, kept in state.items():
        field = FIELDS.get(name)
        if field is not None and (found := _read(field, written(kept))) is not None:
            read[name] = found
    return read


def _arrived() -> Address:
    """What the browser says of the fields."""
    return {name: tuple(st.query_params.get_all(name)) for name in FIELDS if name in st.query_params}


def _late(address: Address) -> bool:
    """Whether an address was replaced only just now."""
    left = st.session_state.get(_LEFT, {})
    within = LATE_S if any(value(name) != kept for name, kept in left.items()) else AT_ONCE_S
    now = time.monotonic()
    return any(address == one and now - at < within for at, one in st.session_state.get(_BEFORE, []))


def _read(field: AddressField, words: tuple[str, ...]) -> Any:
    found = [one for one in map(field.read, words) if one is not None]
    if field.several:
        return found
    return found[0] if found else field.default
