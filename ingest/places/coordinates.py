"""Coordinates as people write them, read into latitude and longitude (WGS84 degrees).

Decimal degrees, degrees with minutes and seconds, hemisphere letters, ISO 6709, ``geo:`` links, ``POINT (lon lat)``,
links of Google Maps, OpenStreetMap, Bing and Apple, UTM, MGRS and plus codes. Without letters the order is latitude,
longitude, as in ``--near``; where that cannot be, it is an error and never the other order. What is no coordinate at
all, such as a name, is None.

It does not know places: a short plus code (`short_plus_code`) needs somebody to say near what it lies.
"""

import math
import re
from collections.abc import Callable
from urllib.parse import unquote

from trainer.errors import AreaError, reason

MAX_CHARS = 2_000  # a link of a map may be long
HELP = "write 27.63N 85.52E, or 27.63,85.52 (latitude first)"

LatLon = tuple[float, float]

_NUMBER = r"[+-]?\d{1,9}(?:\.\d{1,15})?"
_PAIR = rf"({_NUMBER})\s*(?:,|~|%2C)\s*({_NUMBER})"  # Bing puts ~ between the two; a link may have %2C for the comma
_SAME = {
    "−": "-", "–": "-", "′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "″": '"', "”": '"', "“": '"', "''": '"',
    "º": "°", "˚": "°", "\N{NO-BREAK SPACE}": " ", "，": ",", "、": ",",
}  # fmt: skip
_HALVES = {"north": "N", "south": "S", "east": "E", "west": "W"}
_TOKEN = re.compile(rf"(?P<number>{_NUMBER})|(?P<letter>[NSEW])|(?P<mark>[°'\":])|(?P<cut>[,;/])|(?P<blank>\s+)")
_DMS_LETTERS = re.compile(
    r"(\d{1,3}(?:\.\d{1,15})?)\s?d(?:eg)?\s?(?:(\d{1,2}(?:\.\d{1,15})?)\s?m(?:in)?\s?)?"
    r"(?:(\d{1,2}(?:\.\d{1,15})?)\s?s(?:ec)?)?(?![A-Za-z]{2})",
    re.IGNORECASE,
)
_KEYED = re.compile(
    rf"^lat(?:itude)?\s?[:=]?\s?({_NUMBER})°?\s?[,;&]?\s?(?:lon|lng|long|longitude)\s?[:=]?\s?({_NUMBER})°?$",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])([+-]?\d{1,3}),(\d{1,15})(?![\d,.])")  # 27,63 85,52
_ISO_6709 = re.compile(
    r"^([+-])(\d{2,6}(?:\.\d{1,15})?)([+-])(\d{3,7}(?:\.\d{1,15})?)(?:[+-][\d.]{1,12})?(?:CRS\w*)?/?$"
)
# well-known text has the longitude first
_POINT = re.compile(rf"^(?:SRID=4326;)?\s?POINT\s?\(\s?({_NUMBER})\s({_NUMBER})\s?\)$", re.IGNORECASE)
_GEO = re.compile(rf"^geo:\s?{_PAIR}", re.IGNORECASE)
_LINKS = (  # the pin before the view
    re.compile(rf"!3d({_NUMBER})!4d({_NUMBER})"),  # Google's pin
    re.compile(rf"[?&]mlat=({_NUMBER})&mlon=({_NUMBER})"),  # OpenStreetMap's marker
    # a question or a pin, of Google, Apple and Bing
    re.compile(rf"[?&](?:q|query|ll|sll|center|destination|daddr|cp|pin|coordinate)=(?:loc:)?\s?{_PAIR}"),
    re.compile(rf"/(?:@|place/|search/|dir//?){_PAIR}"),  # Google's view and way
    re.compile(rf"[#&?]map=\d{{1,2}}(?:\.\d{{1,9}})?/({_NUMBER})/({_NUMBER})"),  # OpenStreetMap's view
)
_UTM = re.compile(
    r"^(?:UTM\s)?(\d{1,2})\s?([C-HJ-NP-X]|NORTH|SOUTH)[\s,]\s?(\d{6}(?:\.\d{1,6})?)\s?M?E?[\s,]\s?"
    r"(\d{1,8}(?:\.\d{1,6})?)\s?M?N?$",
    re.IGNORECASE,
)
# no I and O; A, B, Y and Z are round the poles
_MGRS = re.compile(r"^(?:\d{1,2}[C-HJ-NP-X]|[ABYZ])[A-HJ-NP-Z]{2}((?:\d\d){1,5})$")
_PLUS_DIGITS = "23456789CFGHJMPQRVWX"
_PLUS_CODE = re.compile(rf"^([{_PLUS_DIGITS}]{{8}}|[{_PLUS_DIGITS}]{{2,6}}0{{2,6}})\+([{_PLUS_DIGITS}]{{0,7}})$")
_SHORT_PLUS_CODE = re.compile(rf"^([{_PLUS_DIGITS}]{{2,6}}\+[{_PLUS_DIGITS}]{{2,7}})[\s,]\s?(.+)$", re.IGNORECASE)


def parse_coordinates(text: str) -> LatLon | None:
    """Read one place written as coordinates.

    Returns:
        Latitude −90..90 and longitude −180..180, or None where the text is no coordinate at all. Squares (MGRS, plus
        codes) give their middle.

    Raises:
        AreaError: It is a coordinate that cannot be: off the globe, minutes of 60, two latitudes, a short link.
    """
    if len(text) > MAX_CHARS or not any(char.isdigit() or char == "+" for char in text):  # a plus code may be letters
        return None
    for one, other in _SAME.items():
        text = text.replace(one, other)
    text = " ".join(text.split())
    for read in (_from_link, _from_keys, _from_iso, _from_point, _from_plus_code, _from_mgrs, _from_utm, _from_angles):
        found = read(text)
        if found is not None:
            return _on_globe(*found, text)
    return None


def short_plus_code(text: str) -> tuple[str, str] | None:
    """A shortened plus code and the place it stands beside, such as ``JGMC+3R`` and ``Banepa``; else None."""
    found = _SHORT_PLUS_CODE.match(text.strip()[:MAX_CHARS])
    if found is None:
        return None
    code = found[1].upper()
    return None if code.index("+") % 2 else (code, found[2].strip())  # digits come in pairs


def recover_plus_code(code: str, near: LatLon) -> LatLon:
    """The middle of the square nearest to a place whose full plus code ends like this.

    Source: Open Location Code specification, "Recovering the full code from a short code".
    """
    missing = 8 - code.index("+")  # digits
    step = 20.0 ** (2 - missing // 2)  # degrees between squares that share the ending
    lat, lon = max(-90.0, min(89.99, near[0])), near[1]
    start = _plus_digits(lat, lon)[:missing]
    south, west = _decoded(start + code.replace("+", ""))
    turns = [(south + i * step, west + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    inside = [(y, (x + 180) % 360 - 180) for y, x in turns if -90 <= y <= 90]
    return min(inside, key=lambda place: max(abs(place[0] - lat), abs((place[1] - lon + 180) % 360 - 180)))


def show(lat: float, lon: float) -> str:
    """Degrees with letters, which can be read in one way only: ``27.63000°N 85.52000°E``."""
    return f"{abs(lat):.5f}°{'N' if lat >= 0 else 'S'} {abs(lon):.5f}°{'E' if lon >= 0 else 'W'}"


def _on_globe(lat: float, lon: float, text: str) -> LatLon:
    shown = text[:60]
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise AreaError(f"coordinates '{shown}' are not finite: {HELP}")
    if abs(lat) > 90:
        swapped = abs(lat) <= 180 and abs(lon) <= 90
        raise AreaError(
            f"coordinates '{shown}' have a latitude of {lat:g}, and it goes from -90 to 90"
            + (f"; the order is latitude, longitude: write {lon:g},{lat:g}" if swapped else f": {HELP}")
        )
    if abs(lon) > 180:
        raise AreaError(f"coordinates '{shown}' have a longitude of {lon:g}, and it goes from -180 to 180: {HELP}")
    return lat, lon


def _pair(found: re.Match[str] | None) -> LatLon | None:
    return None if found is None else (float(found[1]), float(found[2]))


def _from_keys(text: str) -> LatLon | None:
    return _pair(_KEYED.match(text))


def _from_link(text: str) -> LatLon | None:
    if text.lower().startswith("geo:"):
        if "crs=" in text.lower() and "crs=wgs84" not in text.lower():
            raise AreaError(f"'{text[:60]}' is in another reference system than WGS84: {HELP}")
        place = _pair(_GEO.match(text))
        named = _pair(_LINKS[2].search(unquote(text)))  # geo:0,0?q=27.63,85.52 has the place in its question
        if place is None:
            raise AreaError(f"'{text[:60]}' is no geo: link with two numbers: {HELP}")
        return named if named is not None and place == (0, 0) else place
    if "://" not in text and not text.startswith("www."):
        return None
    link = unquote(text)
    for pattern in _LINKS:
        found = _pair(pattern.search(link))
        if found is not None:
            return found
    code = re.search(r"plus\.codes/([^?/&]+)", link)
    found = None if code is None else _from_plus_code(code[1])
    if found is None:
        raise AreaError(
            f"link '{text[:60]}' carries no coordinates (a short link never does): open it, copy the long one"
        )
    return found


def _from_point(text: str) -> LatLon | None:
    found = _POINT.match(text)
    return None if found is None else (float(found[2]), float(found[1]))


def _from_iso(text: str) -> LatLon | None:
    """ISO 6709: ±DD.DD±DDD.DD/, ±DDMM.MM±DDDMM.MM/, ±DDMMSS±DDDMMSS/."""
    found = _ISO_6709.match(text)
    if found is None:
        return None
    angles = []
    for sign, digits, width in ((found[1], found[2], 2), (found[3], found[4], 3)):
        whole, _, fraction = digits.partition(".")
        if (len(whole) - width) % 2 or len(whole) < width:
            return None  # such as +27.6+85.5, which is a plain pair
        parts = [whole[:width], *(whole[i : i + 2] for i in range(width, len(whole), 2))]
        parts[-1] += f".{fraction or 0}"
        angles.append(_angle([sign + parts[0], *parts[1:]], text))
    return angles[0], angles[1]


def _from_plus_code(text: str) -> LatLon | None:
    found = _PLUS_CODE.match(text.upper())
    if found is None:
        return None
    body, rest = found[1].rstrip("0"), found[2]
    if len(body) % 2 or (len(body) < 8 and rest) or len(rest) == 1:
        raise AreaError(f"plus code '{text[:20]}' is cut short: copy all of it, such as 7MV7JGMC+3R")
    lat, lon = _decoded(body + rest)
    if lat > 90 or lon > 180:
        raise AreaError(f"plus code '{text[:20]}' lies off the globe: copy it again")
    return lat, lon


def _decoded(digits: str) -> LatLon:
    """The middle of the square of a full plus code, given without plus and zeros. Source: its specification."""
    lat, lon, height, width = -90.0, -180.0, 400.0, 400.0
    for i in range(0, min(len(digits), 10), 2):
        height, width = height / 20, width / 20
        lat += height * _PLUS_DIGITS.index(digits[i])
        lon += width * _PLUS_DIGITS.index(digits[i + 1])
    for digit in digits[10:]:
        height, width = height / 5, width / 4
        row, column = divmod(_PLUS_DIGITS.index(digit), 4)
        lat, lon = lat + height * row, lon + width * column
    return lat + height / 2, lon + width / 2


def _plus_digits(lat: float, lon: float) -> str:
    """The first eight digits of the plus code of a place."""
    digits, y, x, step = "", lat + 90, (lon + 180) % 360, 20.0
    for _ in range(4):
        row, column = int(y / step), int(x / step)
        digits += _PLUS_DIGITS[row] + _PLUS_DIGITS[column]
        y, x, step = y - row * step, x - column * step, step / 20
    return digits


def _from_mgrs(text: str) -> LatLon | None:
    square = text.upper().removeprefix("MGRS ").replace(" ", "")
    found = _MGRS.match(square)
    if found is None:
        return None
    import mgrs  # 5 ms, and hardly ever asked for

    half = len(found[1]) // 2
    head, east, north = square[: -2 * half], found[1][:half], found[1][half:]
    # five digits each are a metre; fewer name a square, whose middle is meant
    middle = square if half == 5 else f"{head}{east}{'5'.ljust(5 - half, '0')}{north}{'5'.ljust(5 - half, '0')}"
    try:
        lat, lon = mgrs.MGRS().toLatLon(middle)
    except Exception as error:  # the library has its own, and not one tree
        raise AreaError(f"'{text[:40]}' looks like MGRS, but there is no such square ({reason(error)})") from error
    return float(lat), float(lon)


def _from_utm(text: str) -> LatLon | None:
    found = _UTM.match(text)
    if found is None:
        return None
    zone, band, east, north = int(found[1]), found[2].upper(), float(found[3]), float(found[4])
    if not (1 <= zone <= 60 and 100_000 <= east < 1_000_000 and north <= 10_000_000):
        raise AreaError(
            f"'{text[:40]}' looks like UTM, but zone, easting or northing cannot be: write 45R 354130 3057430"
        )
    if band == "S" and 3_540_000 <= north <= 4_430_000:
        raise AreaError(
            f"'{text[:40]}': S is the band north of 32° or the southern half; write 'south', or a band letter"
        )
    southern = band in ("SOUTH", "S") or (len(band) == 1 and band < "N")  # bands from N on lie north of the equator
    from pyproj import Transformer

    code = (32700 if southern else 32600) + zone  # EPSG has a code for each zone of UTM on WGS84
    lon, lat = Transformer.from_crs(f"EPSG:{code}", "EPSG:4326", always_xy=True).transform(east, north)
    return float(lat), float(lon)


def _from_angles(text: str) -> LatLon | None:
    """Two angles in degrees, or degrees with minutes and seconds, with letters for the hemispheres or without."""
    text = _plain(text)
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return None
        tokens.append((str(token.lastgroup), token[0]))
        position = token.end()
    if not any(kind == "number" for kind, _ in tokens):
        return None
    letters = [value for kind, value in tokens if kind == "letter"]
    count = sum(kind == "number" for kind, _ in tokens)
    cut: Callable[[list[tuple[str, str]]], list[list[str]]] = _by_letters if letters else _by_cuts
    halves = cut(tokens)
    fine = len(halves) == 2 and all(1 <= len(half) <= 3 for half in halves) and sum(map(len, halves)) == count
    if not fine or len(letters) not in (0, 2):
        raise AreaError(f"'{text[:60]}' looks like coordinates, but not like a latitude and a longitude: {HELP}")
    first, second = (_angle(half, text) for half in halves)
    if not letters:
        return first, second
    return _with_letters(first, second, letters, text)


def _plain(text: str) -> str:
    """The text with words and letters for units as signs, and decimal commas as points."""
    text = _DMS_LETTERS.sub(lambda found: f"{found[1]}°" + "".join(f"{g} " for g in found.groups()[1:] if g), text)
    text = text.upper()
    for word, letter in _HALVES.items():
        text = text.replace(word.upper(), letter)
    # two decimal commas, and no number besides
    if len(_DECIMAL_COMMA.findall(text)) == 2 and len(re.findall(r"\d+", text)) == 4:
        text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    return text


def _by_letters(tokens: list[tuple[str, str]]) -> list[list[str]]:
    """The numbers that belong to each letter, which stands before all of them or behind."""
    first = next(kind for kind, _ in tokens if kind in ("letter", "number"))
    halves: list[list[str]] = [] if first == "letter" else [[]]
    for kind, value in tokens:
        if kind == "letter":
            halves.append([])
        elif kind == "number" and halves:
            halves[-1].append(value)
    return halves if first == "letter" else halves[:-1]


def _by_cuts(tokens: list[tuple[str, str]]) -> list[list[str]]:
    """The numbers of each half: cut at a comma, at the second degree sign, or in the middle."""
    numbers = [value for kind, value in tokens if kind == "number"]
    if sum(kind == "cut" for kind, _ in tokens) == 1:
        before = sum(kind == "number" for kind, _ in tokens[: [kind for kind, _ in tokens].index("cut")])
    else:
        solid = [token for token in tokens if token[0] != "blank"]
        # i is the number in front of the sign, since the first token is left out
        starts = [i for i, token in enumerate(solid[1:]) if token[1] == "°"]
        at = starts[1] if len(starts) == 2 else 0
        before = sum(kind == "number" for kind, _ in solid[:at]) or len(numbers) // 2
    if len(numbers) % 2 and not any(value == "°" for _, value in tokens):
        return []
    return [numbers[:before], numbers[before:]]


def _angle(parts: list[str], text: str) -> float:
    """Degrees of [degrees, minutes, seconds], the sign on the degrees."""
    values = [abs(float(part)) for part in parts]
    whole = all(value.is_integer() for value in values[:-1])
    signed = any(part[0] in "+-" for part in parts[1:])
    if not whole or signed or any(value >= 60 for value in values[1:]):
        raise AreaError(
            f"coordinates '{text[:60]}': minutes and seconds go from 0 to below 60, and only the last has decimals"
        )
    degrees = math.fsum(value / (1, 60, 3600)[i] for i, value in enumerate(values))
    return -degrees if parts[0].startswith("-") else degrees


def _with_letters(first: float, second: float, letters: list[str], text: str) -> LatLon:
    axes = ["NS" if letter in "NS" else "EW" for letter in letters]
    if axes[0] == axes[1]:
        raise AreaError(f"coordinates '{text[:60]}' give the same direction twice: one N or S, one E or W")
    if first < 0 or second < 0:
        raise AreaError(f"coordinates '{text[:60]}' have both a minus and a letter: leave one of them out")
    signed = [-value if letter in "SW" else value for value, letter in zip((first, second), letters, strict=True)]
    return (signed[0], signed[1]) if axes[0] == "NS" else (signed[1], signed[0])
