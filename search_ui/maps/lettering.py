"""Text on pictures: one typeface, and lines that fit.

DejaVu Sans, which matplotlib brings, has Latin, Greek, Cyrillic and more, but no Chinese, Japanese or emoji: those show
as boxes.
"""

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont
_LONGEST = 1_000  # characters of a line that are looked at


@lru_cache(maxsize=16)
def typeface(size_px: int, *, bold: bool = False) -> Font:
    """DejaVu Sans of a size."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size_px)


def plain(text: str) -> str:
    """Text on one line, without characters that do not print."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def fitted(text: str, font: Font, width_px: int) -> str:
    """Text on one line, cut to a width, with an ellipsis where it is."""
    text = plain(text)
    if len(text) <= _LONGEST and font.getlength(text) <= width_px:
        return text
    # the most characters that fit, found by halving
    low, high = 0, min(len(text), _LONGEST)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle] + "…") <= width_px else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrapped(text: str, font: Font, width_px: int, *, lines: int) -> list[str]:
    """Text in at most so many lines of a width, broken between words where possible; the last is cut."""
    words = plain(text[: 4 * _LONGEST]).split(" ")
    done: list[str] = []
    while words and len(done) < lines - 1:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width_px:
            count += 1
        done.append(fitted(" ".join(words[:count]), font, width_px))
        words = words[count:]
    return [*done, fitted(" ".join(words), font, width_px)] if words else done
