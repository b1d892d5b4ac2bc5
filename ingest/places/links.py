"""The place that a link carries, of Google, OpenStreetMap, Bing, Apple, Yandex, Waze, HERE and such, and in ``geo:``.

What a person marked goes before the question, the question before the view; of several marks of one kind, such as the
stops of a way, the last is meant. Most maps write latitude, longitude; `_LON_FIRST` are those that do not. It opens
nothing: a short link carries no place.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from ingest.places.angles import HELP, NUMBER, LatLon, clean, parse_angles
from ingest.places.plus_codes import parse_plus_code
from trainer.errors import AreaError

_LINK = re.compile(r"(?:https?://|www\.)\S.*$|^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,6}/\S.*$", re.IGNORECASE)
# what follows says that these are no numbers of a street: 12, 34th Street
_PAIR = re.compile(
    rf"^(?:(?:loc:|ll\.)?\s?({NUMBER})\s?[,~]\s?|loc:\s?({NUMBER})\s|(?:pos|point)\.({NUMBER})_)({NUMBER})"
    r"(?=$|\s?[(;/]|,\s?\S|_)"
)
_MARKS = (  # of Google's data: (pattern, is the longitude first?)
    (re.compile(rf"!3d({NUMBER})!4d({NUMBER})"), False),  # a pin
    (re.compile(rf"!2d({NUMBER})!3d({NUMBER})"), True),  # the middle of an embedded map
    (re.compile(rf"!1d({NUMBER})!2d({NUMBER})"), True),  # a stop of a way
)
_AXES = (("mlat", "mlon"), ("lat", "lon"), ("lat", "lng"), ("latitude", "longitude"))
_MARKED = (  # parameters of marks, questions and ends of ways
    "whatshere[point]", "poi[point]", "pt", "coordinate", "pin", "sp", "q", "query", "destination", "daddr", "to",
    "route", "rtext", "rtp", "where1", "text", "address", "cbll", "viewpoint", "params",
)  # fmt: skip
_VIEWED = ("center", "ll", "sll", "cp", "map", "m", "view")
_LON_FIRST = {  # host: parameters
    "yandex.": ("whatshere[point]", "poi[point]", "pt", "ll", "sll"),
    "2gis.": ("m",),
    "arcgis.": ("center", "marker"),
}
_FRAGMENT = re.compile(rf"^(?:map=)?\d{{1,2}}(?:\.\d{{1,9}})?/({NUMBER})/({NUMBER})")  # #15/27.63/85.52
_GEOHACK = re.compile(r"[\d._]{1,40}_[NS]_[\d._]{1,40}_[EW](?=_|$)")  # Wikipedia's 27_37_48_N_85_31_12_E_type:city
_SHIFTED = ("baidu.com", "amap.com", "gaode.com", "map.qq.com")
"""Maps whose coordinates are not WGS84: China shifts them by some hundred metres."""


def parse_link(text: str) -> LatLon | None:
    """Latitude and longitude of a link, which may lie off the globe; None where the text is no link.

    Raises:
        AreaError: It carries no coordinates, or none of WGS84.
    """
    if text.lower().startswith("geo:"):
        return _geo(text)
    found = _LINK.search(text)
    if found is None:
        return None
    link = found[0] if "://" in found[0] else f"https://{found[0]}"
    try:
        host, path, query, fragment = _parts(link)
    except ValueError as error:  # such as an open bracket in the host
        raise AreaError(f"link '{text[:60]}' is broken ({error}): copy it again") from error
    if any(host.endswith(shifted) for shifted in _SHIFTED):
        raise AreaError(f"link '{text[:60]}' is of a map whose coordinates China shifts by some hundred metres: {HELP}")
    place = next(_candidates(host, path, query, fragment), None)
    # a name with a slash may look like a host
    if place is None and "://" in text:
        raise AreaError(
            f"link '{text[:60]}' carries no coordinates that are known here: open a short link and copy the long one, "
            f"or {HELP}"
        )
    return place


def _parts(link: str) -> tuple[str, str, dict[str, list[str]], str]:
    """Host, path, parameters (those behind # too) and fragment, unescaped."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    fragment = unquote(parts.fragment)
    if "=" in fragment:
        query |= {key: values for key, values in parse_qs(parts.fragment).items() if key not in query}
    return (parts.hostname or "").lower(), parts.path, query, fragment


def _candidates(host: str, path: str, query: dict[str, list[str]], fragment: str) -> Iterator[LatLon]:
    """Every place of a link, the likeliest first."""
    # a blank in a path is %20 or +, and the + of a plus code is %2B or +
    steps = [clean(unquote(step.replace("+", " "))) for step in path.split("/")]
    data = " ".join((unquote(path), *query.get("pb", ()), fragment))
    for pattern, is_lon_first in _MARKS:
        if marks := pattern.findall(data):
            yield _ordered(*marks[-1], is_lon_first=is_lon_first)
    for lat, lon in (*_AXES, ("y", "x")) if "mapy." in host else _AXES:
        if lat in query and lon in query:
            try:
                yield float(query[lat][-1]), float(query[lon][-1])
            except ValueError:
                continue
    yield from _named(_MARKED, host, query)
    for step in reversed(steps):
        place = None if step.startswith("@") else _value(step)
        if place is not None:
            yield place[::-1] if host.startswith("2gis.") else place
    yield from _named(_VIEWED, host, query)
    yield from (place for step in steps if step.startswith("@") and (place := _value(step[1:])) is not None)
    if view := _FRAGMENT.match(fragment):
        # Strava's older heat map; its newer /maps/global-heatmap#… is in the order of all others
        is_lon_first = host.endswith("strava.com") and path.startswith("/heatmap")
        yield _ordered(view[1], view[2], is_lon_first=is_lon_first)
    codes = [unquote(step) for step in path.split("/")] + query.get("q", []) + query.get("query", [])
    yield from (place for code in codes if (place := parse_plus_code(code)) is not None)


def _named(names: tuple[str, ...], host: str, query: dict[str, list[str]]) -> Iterator[LatLon]:
    """The places in parameters of these names; of the stops of a way (A;B or A~B) the last."""
    lon_first = next((those for of, those in _LON_FIRST.items() if f".{of}" in f".{host}"), ())
    for name in names:
        for value in query.get(name, ())[-1:]:
            # but Bing's 27.63~85.52 is one place
            place = _value(re.split(r";|~(?=[a-z]|.*,)", value)[-1])
            if place is not None:
                yield place[::-1] if name in lon_first else place


def _value(text: str) -> LatLon | None:
    """A place in a parameter or in a step of a path; None where it says something else, such as a name."""
    found = _PAIR.match(text)
    if found is not None:
        return _numbers(found)
    if geohack := _GEOHACK.match(text):
        text = geohack[0].replace("_", " ")
    try:
        # two letters, since a number alone is the id of something
        return parse_angles(clean(text)) if re.search("[°NSEW].*[°NSEW]", text.upper()) else None
    except AreaError:
        return None


def _numbers(found: re.Match[str]) -> LatLon:
    first, second = (number for number in found.groups() if number is not None)
    return float(first), float(second)


def _ordered(one: str, other: str, *, is_lon_first: bool) -> LatLon:
    return (float(other), float(one)) if is_lon_first else (float(one), float(other))


def _geo(text: str) -> LatLon:
    """RFC 5870's ``geo:27.63,85.52;u=35``, and Android's ``geo:0,0?q=27.63,85.52(name)``, where the question counts."""
    shown = text[:60]
    if "crs=" in text.lower() and "crs=wgs84" not in text.lower():
        raise AreaError(f"'{shown}' is in another reference system than WGS84: {HELP}")
    place, _, query = unquote(text[4:]).strip().partition("?")
    at = _PAIR.match(place)
    if at is None:
        raise AreaError(f"'{shown}' is no geo: link with two numbers: {HELP}")
    asked = parse_qs(query).get("q", [""])[-1]
    found = _value(asked)
    if found is None and asked and _numbers(at) == (0, 0):
        raise AreaError(f"'{shown}' names '{asked[:40]}' and carries no coordinates: give the name alone")
    return _numbers(at) if found is None else found
