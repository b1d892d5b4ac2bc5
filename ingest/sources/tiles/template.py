"""A pattern with placeholders for zoom, column and row: a URL of a tile server, or a path on disk.

It knows which placeholders there are and what they mean; everything else in braces is an error, because it would be
asked for as it stands.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from trainer.errors import SourceError

MEANINGS = {
    "z": "zoom",
    "x": "column",
    "y": "row",
    "-y": "row from the south",
    "q": "quadkey",
    "s": "server a, b or c",
}
MAX_ZOOM = 30
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NUMBER = "(?:0|[1-9][0-9]{0,9})"  # as tiles are named: a folder 07 is a month
_VALUES = {"z": "(?:[12]?[0-9]|30)", "x": _NUMBER, "y": _NUMBER, "-y": _NUMBER, "q": "[0-3]{1,30}"}
_GROUPS = {"z": "z", "x": "x", "y": "y", "-y": "south", "q": "q"}


@dataclass(frozen=True)
class TileTemplate:
    """Where a tile is, by its place.

    Attributes:
        text: With {z}, {x} and {y} in any order; {-y} for rows from the south; or {q}, a quadkey; {s} on a server.
        shown: The text for messages, without secrets.
        south: {y} counts rows from the south, too.

    Raises:
        SourceError: A placeholder is missing or unknown.
    """

    text: str
    shown: str
    south: bool = False

    def __post_init__(self) -> None:
        names = _PLACEHOLDER.findall(self.text)
        unknown = [name for name in names if name not in MEANINGS]
        if unknown:
            known = ", ".join(f"{{{name}}} {meaning}" for name, meaning in MEANINGS.items())
            raise SourceError(
                f"{self.shown}: the placeholder {{{unknown[0]}}} is not understood: write what stands there instead; "
                f"known are {known}"
            )
        if "q" not in names and not ({"z", "x"} <= set(names) and {"y", "-y"} & set(names)):
            raise SourceError(f"{self.shown}: a tile's address needs {{z}}, {{x}} and {{y}} (or {{-y}}), or {{q}}")

    @property
    def counts_rows(self) -> bool:
        """Whether it has {y}, whose direction must be known."""
        return "{y}" in self.text

    def fill(self, z: int, x: int, y: int) -> str:
        """The address of a tile; `y` from the north."""
        south = 2**z - 1 - y
        # a digit a level, the coarsest first: 1 for the eastern half, 2 for the southern
        quad = "".join(str((x >> i & 1) + 2 * (y >> i & 1)) for i in range(z - 1, -1, -1))
        # {s} follows from the place, so a cache finds a tile again under its URL
        values = {"z": z, "x": x, "y": south if self.south else y, "-y": south, "s": "abc"[(x + y) % 3], "q": quad}
        return _PLACEHOLDER.sub(lambda m: str(values[m[1]]), self.text)

    def place(self, text: str) -> tuple[int, int, int] | None:
        """Zoom, column and row (from the north) of the tile at an address; None where it is none's."""
        found = self._reader.fullmatch(text)
        if found is None:
            return None
        told = found.groupdict()
        if "q" in told:
            z = len(told["q"])
            x, y = (sum(((int(d) >> bit) & 1) << z - 1 - i for i, d in enumerate(told["q"])) for bit in (0, 1))
        else:
            z, x = int(told["z"]), int(told["x"])
            y = int(told.get("y", told.get("south", 0)))
        if z > MAX_ZOOM or max(x, y) >= 2**z:  # no tile of the level's square
            return None
        return z, x, 2**z - 1 - y if "south" in told or ("y" in told and self.south) else y

    def part(self, text: str) -> re.Pattern[str]:
        """What names look like that fit a part of the template."""
        parts = _PLACEHOLDER.split(text)
        return re.compile("".join(_VALUES[part] if i % 2 else re.escape(part) for i, part in enumerate(parts)))

    @cached_property
    def _reader(self) -> re.Pattern[str]:
        pattern, seen = "", set()
        for i, part in enumerate(_PLACEHOLDER.split(self.text)):
            if i % 2 == 0:
                pattern += re.escape(part)
            elif part in seen:
                pattern += f"(?P={_GROUPS[part]})"
            else:
                seen.add(part)
                pattern += f"(?P<{_GROUPS[part]}>{_VALUES[part]})"
        return re.compile(pattern)
