"""Whether a JPEG is whole, by its markers: its decoder draws grey, or a coarse picture, for what is missing.

A progressive JPEG sends its coefficients in many scans, each finer than the one before, and others may send a scan for
each component: a file that is cut between two of them decodes without a complaint. It does not know files or what
other formats need.
"""

import io
import re
from dataclasses import dataclass, field

from PIL.JpegImagePlugin import JpegImageFile

START, END = b"\xff\xd8", b"\xff\xd9"
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # the next but for fillings, stuffed zeros and restarts
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # Huffman tables, an extension, arithmetic conditions
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN, _END = 0xDA, 0xD9
_BAND = 64  # coefficients of a block
_DATA = bytes(range(250, 0, -1))
# where pixels come in intervals a decoder passes over all but a restart marker between two of them
_INTERVALS = b"".join(bytes([0xFF, 0xD0 + number]) + _DATA for number in range(8))
_FILLINGS = (b"", _DATA * 16, _INTERVALS * 2)


def whole_jpeg(content: bytes) -> bytes:
    """A JPEG of which no pixel is missing; where it lacks its end marker alone, with it.

    Raises:
        EOFError: It is cut short.
        ValueError: A scan between others is missing.
    """
    scans = _scans(content)
    # a progressive one that ends as it should holds what its encoder sent, which may be less than all there could be
    if scans.broken or (scans.ended and not scans.progressive and not scans.complete):
        raise ValueError("one of its scans is missing")
    if scans.ended or not scans.found:
        return content
    # room that was kept for a file which never came whole is zeros
    mended = _with_end(content.rstrip(b"\0")) if scans.complete else None
    if mended is None:
        raise EOFError("it is truncated: pixels are missing")
    return mended


@dataclass
class _Scans:
    """How far each component's coefficients are known: bits that still lack, -1 for all."""

    lacking: dict[int, list[int]] = field(default_factory=dict)
    progressive: bool = False
    found: bool = False
    ended: bool = False
    broken: bool = False

    @property
    def complete(self) -> bool:
        return all(not any(bits) for bits in self.lacking.values())

    def begin_frame(self, segment: bytes) -> None:
        # precision, height and width, then three bytes a component, its number first
        self.lacking = {number: [-1] * _BAND for number in segment[6::3]}

    def add(self, segment: bytes) -> None:
        """A scan's header: how many components, two bytes each, the band, the bits before and after."""
        self.found = True
        count = segment[0]
        numbers = segment[1 : 1 + 2 * count : 2]
        first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
        if not self.progressive:
            first, last, bits = 0, _BAND - 1, 0
        for bands in (self.lacking[number] for number in numbers):
            # as libjpeg, which warns: colours may not come before grey, nor a bit before the one above it
            self.broken |= self.progressive and first > 0 and bands[0] < 0
            for i in range(first, min(last, _BAND - 1) + 1):
                self.broken |= self.progressive and max(0, bands[i]) != bits >> 4
                bands[i] = bits & 15


def _scans(content: bytes) -> _Scans:
    """The scans up to the end marker, as far as there are any; what is no marker's is passed over, as decoders do."""
    scans, at = _Scans(), 2
    while marker := _MARKER.search(content, at):
        kind = marker[1][0]
        if kind == _END:
            scans.ended = True
            break
        length = int.from_bytes(content[marker.end() : marker.end() + 2])
        segment, at = content[marker.end() + 2 : marker.end() + length], marker.end() + max(2, length)
        try:
            if kind in _FRAMES:
                scans.progressive = kind in _PROGRESSIVE
                scans.begin_frame(segment)
            elif kind == _SCAN:
                scans.add(segment)
        except (IndexError, KeyError, ValueError):  # a header that its decoder refuses, or that is cut
            break
        if scans.found and scans.complete and not scans.progressive:  # its decoder looks for no other scan
            scans.ended = content.rfind(END, at) >= 0
            break
    return scans


def _with_end(content: bytes) -> bytes | None:
    """A JPEG with an end marker; None for one that lacks pixels.

    A decoder draws whatever comes where pixels are missing, and nothing of what comes behind the last: so all fillings
    give one picture if, and only if, all pixels are there.
    """
    # 0xff and what follows would be a marker, which ends the pixels, but for 0; and a decoder fills with zeros itself
    stuffed = b"\0" if content.endswith(b"\xff") else b""
    drawn = []
    for filling in _FILLINGS:
        # not by `Image.open`, which warns of much
        with JpegImageFile(io.BytesIO(content + (stuffed + filling if filling else b"") + END)) as image:
            drawn.append(image.convert("RGB").tobytes())
    return content + END if drawn[1:] == drawn[:-1] else None
