"""Names of places as one compares them: without case, accents, punctuation, whatever the script.

It also knows who may stand behind a comma: codes and names of countries in all languages of the Unicode CLDR, the
states of the USA and the nations of the United Kingdom. It does not know where anything is.
"""

import re
import unicodedata
from collections import defaultdict

MAX_CHARS = 200  # the longest name in GeoNames has fewer

_NATIONS = {"ENG": "England", "NIR": "Northern Ireland", "SCT": "Scotland", "WLS": "Wales"}
_MORE_NAMES = {  # what people write and the CLDR has not
    "GB": ("UK", "Great Britain", "Britain"),
    "US": ("USA", "United States of America", "America"),
    "NL": ("Holland",),
    "CD": ("Democratic Republic of the Congo", "DRC"),
    "CG": ("Republic of the Congo",),
    "KR": ("Republic of Korea",),
    "CZ": ("Czech Republic",),
    "TR": ("Turkey",),
    "MM": ("Burma",),
    "CI": ("Ivory Coast",),
    "MK": ("Macedonia",),
    "SZ": ("Swaziland",),
}
# what taking accents off leaves as it is
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"} | dict.fromkeys("'’‘ʼʻ`´", "")
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_BETWEEN = re.compile(r"[^\w\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]+|_+")  # keep vowel signs of Asia


def normal(name: str) -> str:
    """A name as it is compared: lower case, Latin, Greek and Cyrillic without accents, words with one blank between."""
    name = name.casefold()
    if name.isascii():  # the quick way, for most names
        if name.isalpha():
            return name
    else:
        name = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", name)))
    return _BETWEEN.sub(" ", name.translate(_LETTERS)).strip()


def region_name(country: str, code: str, states: dict[str, str]) -> str | None:
    """The name of a state of the USA or a nation of the United Kingdom by GeoNames' code, else None."""
    return {"US": states, "GB": _NATIONS}.get(country, {}).get(code)


def country_names(english: dict[str, str], iso3: dict[str, str]) -> dict[str, set[str]]:
    """Normal names of each country in every language that the CLDR has, with its codes.

    Args:
        english: English name by two-letter code.
        iso3: Three-letter code by two-letter code.
    """
    from babel import Locale, localedata

    names: dict[str, set[str]] = defaultdict(set)
    for identifier in localedata.locale_identifiers():
        # languages; of their variants only other scripts
        if "_" not in identifier or identifier in ("zh_Hant", "sr_Latn"):
            for code, name in Locale.parse(identifier).territories.items():
                names[code].add(normal(name))
    for code, name in english.items():
        names[code] |= {normal(word) for word in (name, code, iso3[code], *_MORE_NAMES.get(code, ()))}
    return {code: names[code] - {""} for code in english}
