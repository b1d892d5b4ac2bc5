"""Two angles as people write them: degrees, or degrees with minutes and seconds, in any script and with any signs.

Letters or words for the hemispheres may stand before the numbers or behind; without them the order is latitude,
longitude. A comma between two digits is a decimal comma only where nothing else can be meant; what could be read in
two ways is an error.
"""

import math
import re
import unicodedata

from trainer.errors import AreaError

MAX_CHARS = 2_000  # a link of a map may be long
HELP = "write 27.63N 85.52E, or 27.63,85.52 (latitude first)"
NUMBER = r"[+-]?\d{1,9}(?:\.\d{1,30})?"

LatLon = tuple[float, float]

_SAME = str.maketrans(
    dict.fromkeys("−–—‒‐‑﹣", "-")
    | dict.fromkeys("º˚∘⁰◦ᵒ゜度", "°")
    | dict.fromkeys("′’‘´`ʹʼ‵分", "'")
    | dict.fromkeys("″”“„ʺ˝秒", '"')
    | dict.fromkeys("،、；", ",")
    | {"٫": ".", "\N{ZERO WIDTH SPACE}": " "}
)
_ENTITIES = {"&deg;": "°", "&quot;": '"', "&#39;": "'", "&amp;": "&", "&nbsp;": " "}  # of a page's source
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'"}
_HALVES = {
    "N": ("NORTH", "NORD", "NORTE", "NOORD", "С.Ш", "С. Ш", "北纬", "北緯"),
    "S": ("SOUTH", "SÜD", "SUD", "SUR", "SUL", "ZUID", "SYD", "SØR", "Ю.Ш", "Ю. Ш", "南纬", "南緯"),
    "E": ("EAST", "OST", "EST", "ESTE", "LESTE", "OOST", "ØST", "ÖST", "В.Д", "В. Д", "东经", "東経", "東經"),
    "W": ("WEST", "OUEST", "OVEST", "OESTE", "VEST", "VÄST", "З.Д", "З. Д", "西经", "西経", "西經"),
}
_LETTER_OF = {word: letter for letter, words in _HALVES.items() for word in words}
_WORD = re.compile(rf"(?<![^\W\d])({'|'.join(map(re.escape, sorted(_LETTER_OF, key=len, reverse=True)))})(?![^\W\d])")
_TOKEN = re.compile(rf"(?P<number>{NUMBER})|(?P<letter>[NSEWO])|(?P<mark>[°'\":])|(?P<cut>[,;/|])|(?P<blank>\s+)")
_DMS_LETTERS = re.compile(
    r"(\d{1,3}(?:\.\d{1,15})?)\s?d(?:eg(?:rees?)?)?\s?(?:(\d{1,2}(?:\.\d{1,15})?)\s?m(?:in(?:utes?)?)?\s?)?"
    r"(?:(\d{1,2}(?:\.\d{1,15})?)\s?s(?:ec(?:onds?)?)?)?(?![A-Za-z]{2})",
    re.IGNORECASE,
)
_SIGN_APART = re.compile(r"(^|[,;/|]\s?)([+-])\s(?=\d)")  # - 33.8, - 70.6
_COMMAS = re.compile(r"\d+(?:,\d+)+")  # digits with nothing but commas between them

Token = tuple[str, str]  # kind, text


def clean(text: str) -> str:
    """The text with one sign for all that look alike, digits of any width, and without invisible characters.

    Brackets and quotes around all of it go, and blanks become one each.
    """
    for entity, sign in _ENTITIES.items():
        text = text.replace(entity, sign)
    # signs first: NFKC makes letters and digits of some of them
    text = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME).replace("''", '"')
    # format characters, such as marks of the writing direction, are copied along and never seen
    text = " ".join("".join(char for char in text if unicodedata.category(char) != "Cf").split())
    while len(text) > 2 and _BRACKETS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def parse_angles(text: str) -> LatLon | None:
    """Latitude and longitude of a cleaned text, which may lie off the globe; None where it is no two angles at all.

    Raises:
        AreaError: There are angles, and they are not one latitude and one longitude.
    """
    text = _plain(text.strip(" ,;/|."))
    tokens = _tokens(text)
    if tokens is None or not any(kind == "number" for kind, _ in tokens):
        return None
    letters = [value for kind, value in tokens if kind == "letter"]
    if "O" in letters and len(letters) == 2:
        raise AreaError(f"'{text[:60]}': O is east in German and west in French and Spanish: write E or W")
    count = sum(kind == "number" for kind, _ in tokens)
    halves = _by_letters(tokens) if letters else _by_cuts(tokens)
    fine = len(halves) == 2 and all(1 <= len(half) <= 3 for half in halves) and sum(map(len, halves)) == count
    # a comma that is left between digits stands for a decimal, a blank or a cut: nobody knows
    if not fine or len(letters) not in (0, 2) or (letters and _COMMAS.search(text)):
        raise AreaError(f"'{text[:60]}' looks like coordinates, but not like a latitude and a longitude: {HELP}")
    first, second = (angle(half, text) for half in halves)
    if not letters:
        return first, second
    return _with_letters(first, second, letters, text)


def angle(parts: list[str], text: str) -> float:
    """Degrees of [degrees, minutes, seconds], the sign on the degrees.

    Raises:
        AreaError: Minutes or seconds of 60 or more, or decimals that are not the last.
    """
    values = [abs(float(part)) for part in parts]
    whole = all(value.is_integer() for value in values[:-1])
    signed = any(part[0] in "+-" for part in parts[1:])
    if not whole or signed or any(value >= 60 for value in values[1:]):
        raise AreaError(
            f"coordinates '{text[:60]}': minutes and seconds go from 0 to below 60, and only the last has decimals"
        )
    degrees = math.fsum(value / (1, 60, 3600)[i] for i, value in enumerate(values))
    return -degrees if parts[0].startswith("-") else degrees


def _tokens(text: str) -> list[Token] | None:
    """The text cut into numbers, letters, marks, cuts and blanks; None where there is anything else."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return None
        tokens.append((str(token.lastgroup), token[0]))
        position = token.end()
    return tokens


def _plain(text: str) -> str:
    """The text with words and letters for units as signs, and decimal commas as points."""
    text = _DMS_LETTERS.sub(lambda found: f"{found[1]}°" + "".join(f"{g} " for g in found.groups()[1:] if g), text)
    text = _WORD.sub(lambda found: _LETTER_OF[found[1]], text.upper())
    text = re.sub(r"(?<=[NSEW])\.", "", text)
    text = _SIGN_APART.sub(r"\1\2", text)
    runs = _COMMAS.findall(text)
    # one in each half, or beside a letter, and no point that says what else a comma is
    decimal = len(runs) == 2 or (len(runs) == 1 and re.search("[NSEW]", text))
    if decimal and all(run.count(",") == 1 for run in runs) and "." not in text:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    return text


def _by_letters(tokens: list[Token]) -> list[list[str]]:
    """The numbers that belong to each letter, which stands before all of them or behind."""
    first = next(kind for kind, _ in tokens if kind in ("letter", "number"))
    halves: list[list[str]] = [] if first == "letter" else [[]]
    for kind, value in tokens:
        if kind == "letter":
            halves.append([])
        elif kind == "number" and halves:
            halves[-1].append(value)
    return halves if first == "letter" else halves[:-1]


def _by_cuts(tokens: list[Token]) -> list[list[str]]:
    """The numbers of each half: cut at a comma, at the second degree sign, or in the middle; none where they differ."""
    numbers = [value for kind, value in tokens if kind == "number"]
    solid = [token for token in tokens if token[0] != "blank"]
    cuts = [i for i, (kind, _) in enumerate(solid) if kind == "cut"]
    # i is the number in front of the sign, since the first token is left out
    starts = [i for i, token in enumerate(solid[1:]) if token[1] == "°"]
    at = {cuts[0]} if cuts else set[int]()
    before = {sum(kind == "number" for kind, _ in solid[:i]) for i in at | ({starts[1]} if len(starts) == 2 else set())}
    odd = len(numbers) % 2 and not starts
    if len(cuts) > 1 or len(before) > 1 or odd:
        return []
    middle = next(iter(before), len(numbers) // 2)
    return [numbers[:middle], numbers[middle:]]


def _with_letters(first: float, second: float, letters: list[str], text: str) -> LatLon:
    axes = ["NS" if letter in "NS" else "EW" for letter in letters]
    if axes[0] == axes[1]:
        raise AreaError(f"coordinates '{text[:60]}' give the same direction twice: one N or S, one E or W")
    if first < 0 or second < 0:
        raise AreaError(f"coordinates '{text[:60]}' have both a minus and a letter: leave one of them out")
    signed = [-value if letter in "SW" else value for value, letter in zip((first, second), letters, strict=True)]
    return (signed[0], signed[1]) if axes[0] == "NS" else (signed[1], signed[0])
