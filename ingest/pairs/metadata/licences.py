"""Licences as short codes: `by`, `by-sa`, `by-nc-nd` …, `cc0`, `pdm` (public domain); from names and from addresses.

It does not know what a licence allows.
"""

import re
from functools import lru_cache

CODES = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "cc0", "pdm")

_WORDS = {"attribution": "by", "noncommercial": "nc", "sharealike": "sa", "noderivs": "nd", "noderivatives": "nd"}
_ORDER = ("by", "nc", "nd", "sa")


@lru_cache(maxsize=4096)
def licence_code(text: str) -> str:
    """The code of a licence that is named or linked in any of the usual ways; else the text in lower case.

    Such as ``Attribution-NonCommercial License``, ``CC BY-NC 2.0``, ``http://creativecommons.org/licenses/by-nc/2.0/``.
    """
    plain = text.strip().lower()
    if re.search(r"\bcc-?0\b|publicdomain/zero|\bzero\b", plain):
        return "cc0"
    if re.search(r"public ?domain|\bpdm?\b|no known copyright", plain):
        return "pdm"
    # in one word, since words end at a hyphen below
    words = re.sub(r"non-commercial", "noncommercial", re.sub(r"share-alike", "sharealike", plain))
    parts = {_WORDS.get(word, word) for word in re.split(r"[^a-z]+", words)}
    if "by" not in parts:
        return plain
    return "-".join(part for part in _ORDER if part in parts)
