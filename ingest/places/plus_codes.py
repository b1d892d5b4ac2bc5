"""Plus codes, which name squares on the globe, read into their middle. Source: the Open Location Code specification.

A code may lack its first digits (`short_plus_code`); then somebody has to say near what it lies.
"""

import re

from ingest.places.angles import MAX_CHARS, LatLon
from trainer.errors import AreaError

_DIGITS = "23456789CFGHJMPQRVWX"
_FULL = re.compile(rf"^([{_DIGITS}]{{8}}|[{_DIGITS}]{{2,6}}0{{2,6}})\+([{_DIGITS}]{{0,7}})(?:[\s,].*)?$")
_SHORT = re.compile(rf"^([{_DIGITS}]{{2,6}}\+[{_DIGITS}]{{2,7}})[\s,]\s?(.+)$", re.IGNORECASE)


def parse_plus_code(text: str) -> LatLon | None:
    """The middle of the square of a full plus code, which may be followed by the name of a place; else None.

    Raises:
        AreaError: It is cut short, or lies off the globe.
    """
    found = _FULL.match(text.upper())
    if found is None:
        return None
    body, rest = found[1].rstrip("0"), found[2]
    if len(body) % 2 or (len(body) < 8 and rest) or len(rest) == 1:
        raise AreaError(f"plus code '{text[:20]}' is cut short: copy all of it, such as 7MV7JGMC+3R")
    lat, lon = _decoded(body + rest)
    if lat > 90 or lon > 180:
        raise AreaError(f"plus code '{text[:20]}' lies off the globe: copy it again")
    return lat, lon


def short_plus_code(text: str) -> tuple[str, str] | None:
    """A shortened plus code and the place it stands beside, such as ``JGMC+3R`` and ``Banepa``; else None."""
    found = _SHORT.match(text.strip()[:MAX_CHARS])
    if found is None:
        return None
    code = found[1].upper()
    return None if code.index("+") % 2 else (code, found[2].strip())  # digits come in pairs


def recover_plus_code(code: str, near: LatLon) -> LatLon:
    """The middle of the square nearest to a place whose full plus code ends like this.

    As the specification has it under "Recovering the full code from a short code".
    """
    missing = 8 - code.index("+")  # digits
    step = 20.0 ** (2 - missing // 2)  # degrees between squares that share the ending
    lat, lon = max(-90.0, min(89.99, near[0])), near[1]
    start = _first_digits(lat, lon)[:missing]
    south, west = _decoded(start + code.replace("+", ""))
    turns = [(south + i * step, west + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    inside = [(y, (x + 180) % 360 - 180) for y, x in turns if -90 <= y <= 90]
    return min(inside, key=lambda place: max(abs(place[0] - lat), abs((place[1] - lon + 180) % 360 - 180)))


def _decoded(digits: str) -> LatLon:
    """The middle of the square of a full plus code, given without plus and zeros."""
    lat, lon, height, width = -90.0, -180.0, 400.0, 400.0
    for i in range(0, min(len(digits), 10), 2):
        height, width = height / 20, width / 20
        lat += height * _DIGITS.index(digits[i])
        lon += width * _DIGITS.index(digits[i + 1])
    for digit in digits[10:]:
        height, width = height / 5, width / 4
        row, column = divmod(_DIGITS.index(digit), 4)
        lat, lon = lat + height * row, lon + width * column
    return lat + height / 2, lon + width / 2


def _first_digits(lat: float, lon: float) -> str:
    """The first eight digits of the plus code of a place."""
    digits, y, x, step = "", lat + 90, (lon + 180) % 360, 20.0
    for _ in range(4):
        row, column = int(y / step), int(x / step)
        digits += _DIGITS[row] + _DIGITS[column]
        y, x, step = y - row * step, x - column * step, step / 20
    return digits
