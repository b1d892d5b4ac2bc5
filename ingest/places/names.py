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
    "AE": ("UAE", "Emirates"),
    "NL": ("Holland",),
    "CD": ("Democratic Republic of the Congo", "DRC", "Congo"),
    "CG": ("Republic of the Congo", "Congo"),
    "PS": ("Palestine",),
    "VA": ("Vatican City", "Holy See"),
    "MO": ("Macau",),
    "CV": ("Cape Verde",),
    "TL": ("East Timor",),
    "FM": ("Micronesia",),
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
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?")  # u.s.a.
_BETWEEN = re.compile(r"[^\w\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]+|_+")  # keep vowel signs of Asia


def normal(name: str) -> str:
    """A name as it is compared: lower case, Latin, Greek and Cyrillic without accents, words with one blank between."""
    name = name.casefold()
    if name.isascii():  # the quick way, for most names
        if name.isalpha():
            return name
    else:
        name = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", name)))
    return _BETWEEN.sub(" ", _INITIALS.sub(lambda found: found[0].replace(".", ""), name.translate(_LETTERS))).strip()


def region_name(country: str, code: str, states: dict[str, str]) -> str | None:
    """The name of a state of the USA or a nation of the United Kingdom by GeoNames' code, else None."""
    return {"US": states, "GB": _NATIONS}.get(country, {}).get(code)


def english_names(code: str, english: str) -> set[str]:
    """Normal names of a country in English, which it has before any town of that name.

    Args:
        code: Two letters.
        english: As GeoNames has it.
    """
    from babel import Locale

    told = Locale("en").territories.get(code, english)
    return {normal(name) for name in (english, told, *_MORE_NAMES.get(code, ()))} - {""}


def country_names(english: dict[str, str], iso3: dict[str, str]) -> dict[str, set[str]]:
    """Normal names of each country in every language that the CLDR has, with its codes.

    Args:
        english: English name by two-letter code.
        iso3: Three-letter code by two-letter code.
    """
    from babel import localedata

    names: dict[str, set[str]] = defaultdict(set)
    for identifier in localedata.locale_identifiers():
        # languages; of their variants only other scripts
        if "_" not in identifier or identifier in ("zh_Hant", "sr_Latn"):
            # without what a language inherits, which is another of these: the same names, in a tenth of the time
            for code, name in localedata.load(identifier, merge_inherited=False).get("territories", {}).items():
                names[code].add(normal(name))
    for code, name in english.items():
        names[code] |= {normal(word) for word in (name, code, iso3[code], *_MORE_NAMES.get(code, ()))}
    return {code: names[code] - {""} for code in english}
