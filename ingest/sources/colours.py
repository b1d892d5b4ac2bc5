"""What each band of a raster shows: red, green, blue, near-infrared, alpha, …, as its names and flags tell.

A name in a band's description, or its wavelength, goes before what a catalogue says of it, and that before GDAL's
colour interpretation, which GDAL makes up itself for files of three or four bytes. It does not look at pixels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

PICTURE = ("red", "green", "blue")
MASKS = ("alpha", "mask")
"""What says where there is imagery; a mask is 0 where there is none."""

_BY_NAME = (  # the first that fits: "near infrared", "red edge" and "coastal blue" hold other colours' names
    ("nir", r"near ?infra ?red|\bnir ?\d*\b|narrow nir|\bvnir\b"),
    ("swir", r"short ?wave|\bswir ?\d*\b"),
    ("tir", r"\binfra ?red thermal|thermal|\btirs?\d*\b|\blwir ?\d*\b|long ?wave"),
    ("rededge", r"red ?edge ?\d*|\bvre ?\d*\b"),
    ("coastal", r"coastal|ultra ?blue|deep ?blue|violet"),
    (
        "other",
        r"\bgreen i\b|cirrus|aerosol|vapou?r|cloud|shadow|snow|haze|confidence|quality|unusable|\bqa\b|\budm2?\b",
    ),
    ("pan", r"\bpan\b|panchromatic"),
    ("alpha", r"\balpha\b|\bopacity\b"),
)
_MASK = re.compile(r"(data ?set|data|valid|validity|valid data)? ?mask|valid|validity")  # the whole name
_LETTERS = {"r": "red", "g": "green", "b": "blue", "n": "nir", "a": "alpha"}
_CODE = re.compile(r"\bb(?:and)? ?(\d{1,2})(a?)\b")
_WAVELENGTH = re.compile(
    r"(?:(\d+(?:\.\d+)?) ?(?:-|–|to) ?)?(\d+(?:\.\d+)?) ?(nm\b|nanom|[\u00b5\u03bcu]m\b|microm|micron)"
)
_UP_TO_NM = ((450, "coastal"), (520, "blue"), (595, "green"), (625, "yellow"), (695, "red"), (785, "rededge"),
             (1000, "nir"), (3000, "swir"), (20_000, "tir"))  # fmt: skip
_INTERPRETED = {
    ColorInterp.red: "red", ColorInterp.green: "green", ColorInterp.blue: "blue", ColorInterp.alpha: "alpha",
    ColorInterp.nir: "nir", ColorInterp.coastal: "coastal", ColorInterp.rededge: "rededge", ColorInterp.swir: "swir",
    ColorInterp.pan: "pan", ColorInterp.tir: "tir", ColorInterp.lwir: "tir", ColorInterp.mwir: "tir",
}  # fmt: skip
_EARLY = {"1": "blue", "2": "green", "3": "red", "4": "nir"}  # Landsat 4 to 7
_LATE = {"2": "blue", "3": "green", "4": "red"}  # Landsat 8 and 9, Sentinel-2, HLS
# STAC's common names that are written otherwise
_COMMON = {"nir08": "nir", "nir09": "nir", "swir16": "swir", "swir22": "swir", "lwir": "tir", "lwir11": "tir"}


@dataclass(frozen=True)
class BandFacts:
    """What a catalogue or a product's name says of a band; None: nothing.

    Attributes:
        colour: What it shows, as in `colour_of`.
        nodata: Value of pixels without imagery.
        scale: Factor from stored to physical values.
        offset: What to add after the factor.
        span: Lowest and highest stored value to show.
    """

    colour: str | None = None
    nodata: float | None = None
    scale: float | None = None
    offset: float | None = None
    span: tuple[float, float] | None = None


def colours_of(dataset: DatasetReader, told: Sequence[BandFacts] = ()) -> list[str | None]:
    """What each band shows, in the order of the bands; None: not known.

    Args:
        dataset: An open raster.
        told: What is known of its bands from elsewhere, one each; empty: nothing.
    """
    described = colours_named([text or "" for text in dataset.descriptions], dataset.name)
    described = [told or _of_light(dataset, band) for band, told in enumerate(described, start=1)]
    elsewhere = [facts.colour for facts in told] if len(told) == dataset.count else [None] * dataset.count
    flagged = [_INTERPRETED.get(kind) for kind in dataset.colorinterp]
    merged = [a or b or c for a, b, c in zip(described, elsewhere, flagged, strict=True)]
    # GDAL calls the first three of its own accord red, green and blue: not beside a band that is named so
    named = {colour for a, b in zip(described, elsewhere, strict=True) if (colour := a or b) is not None}
    made_up = [a is None and b is None and c in named for a, b, c in zip(described, elsewhere, flagged, strict=True)]
    return [None if doubtful else colour for colour, doubtful in zip(merged, made_up, strict=True)]


def colours_named(names: Sequence[str], product: str = "") -> list[str | None]:
    """What bands show by their names, such as ``Blue``, ``blue (B02)``, ``SR_B4`` or ``Band 2 - Blue``.

    Args:
        names: One a band, empty where it has none.
        product: Name of the file: codes such as B4 mean another colour with Landsat 7 than with Landsat 8.
    """
    by_word = [colour_of(name) for name in names]
    codes = [_code(name) if colour is None else None for name, colour in zip(names, by_word, strict=True)]
    meaning = _meaning(codes, names, product)
    return [
        word or (meaning.get(code) if code is not None else None) for word, code in zip(by_word, codes, strict=True)
    ]


def colour_of(name: str) -> str | None:
    """What a band shows by a word in its name: red, green, blue, nir, alpha, mask, …; None: it does not say."""
    text = " ".join(re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    text = re.sub(r"\b([a-z]) (?=\d)", r"\1", text)  # b 2 is b2 again
    if text in _LETTERS:
        return _LETTERS[text]
    if _MASK.fullmatch(text):
        return "mask"
    for colour, pattern in _BY_NAME:
        if re.search(pattern, text):
            return colour
    found = [colour for colour in (*PICTURE, "yellow") if re.search(rf"\b{colour}(?:band)?\b", text)]
    return found[0] if len(found) == 1 else None if found else _of_wavelength(name)


def _of_light(dataset: DatasetReader, band: int) -> str | None:
    """What a band shows by GDAL's own field for the middle of its light."""
    middle_um = dataset.tags(band, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM")
    return _of_wavelength(f"{middle_um} µm") if middle_um else None


def _of_wavelength(name: str) -> str | None:
    """What a band shows by the middle of its light, such as ``490 nm`` or ``0.63 - 0.69 µm``."""
    match = _WAVELENGTH.search(name.lower())
    if match is None:
        return None
    first, last = (float(number) for number in (match[1] or match[2], match[2]))
    middle_nm = (first + last) / 2 * (1 if match[3].startswith("n") else 1000)
    return next((colour for limit, colour in _UP_TO_NM if 350 <= middle_nm < limit), None)


def common_colour(name: str) -> str | None:
    """What STAC's common name of a band says."""
    return _COMMON.get(name) or colour_of(name)


def colour_of_code(name: str, product: str) -> str | None:
    """What a band shows by its number, such as ``B04``: by the satellite in the product's name, else as of most."""
    code = _code(name)
    meaning = _by_satellite(product)
    return (_LATE | {"8": "nir"} if meaning is None else meaning).get(code or "")


def _code(name: str) -> str | None:
    """The number of a band in its name, such as 4 of ``SR_B4`` and 8a of ``B8A``."""
    found = _CODE.findall(re.sub(r"[^a-z0-9]+", " ", name.lower()))
    return f"{int(found[-1][0])}{found[-1][1]}" if found else None


def _by_satellite(product: str) -> dict[str, str] | None:
    """What codes mean with the satellite that a product's name tells; None: it tells none."""
    if re.search(r"(?<![A-Za-z0-9])L[ET](?:0[4-7]_|[4-7]\d{6})", product):
        return _EARLY
    if re.search(r"(?<![A-Za-z0-9])L[COT](?:0[89]_|[89]\d{6})|(?<![A-Za-z])HLS\.L30", product):
        return _LATE | {"5": "nir"}
    if re.search(r"(?<![A-Za-z0-9])S2[ABCD]_|(?<![A-Za-z0-9])T\d\d[A-Z]{3}_\d{8}T|HLS\.S30", product):
        return _LATE | {"8": "nir"}
    return None


def _meaning(codes: Sequence[str | None], names: Sequence[str], product: str) -> dict[str, str]:
    """What codes mean: by the satellite, else by which of them there are."""
    known = _by_satellite(product)
    if known is not None:
        return known
    have = [code for code in codes if code is not None]
    if "8a" in have:
        return _LATE | {"8": "nir"}
    if any(re.search(r"\bsr_b", name.lower()) for name in names):
        return _EARLY if "7" in have and "6" not in have else _LATE
    if {"2", "3", "4"} <= set(have) and "1" not in have:
        return _LATE
    # B1, B2, B3 in this order may be no more than a count
    return _EARLY if sorted(have) == ["1", "2", "3"] and have != ["1", "2", "3"] else {}
