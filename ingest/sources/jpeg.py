"""Whether a JPEG is whole, by its markers: its decoder draws grey, or a coarse picture, for what is missing.

It does so where it comes to an end marker too early; where data only stop, it waits for more and says so. A progressive
JPEG sends its coefficients in many scans, each finer than the one before, and others may send a scan for each
component: a file that is cut between two of them decodes without a complaint. It does not know files, what other
formats need, nor whether the last of many scans, which adds a bit to some waves, was cut and closed again.
"""

import io
import re
from dataclasses import dataclass, field

from PIL.JpegImagePlugin import JpegImageFile

START, END = b"\xff\xd8", b"\xff\xd9"
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # the next but for fillings, stuffed zeros and restarts
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # Huffman tables, an extension, arithmetic conditions
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})  # codes of whole bits: a decoder needs nothing of what follows them
_SCAN, _END = 0xDA, 0xD9
_BAND = 64  # coefficients of a block
_DATA = bytes(range(250, 0, -1))
# where pixels come in intervals a decoder passes over all but a restart marker between two of them
_INTERVALS = b"".join(bytes([0xFF, 0xD0 + number]) + _DATA for number in range(8))
_FILLINGS = (b"", _DATA * 16, _INTERVALS * 2)
_AHEAD = b"\xfe" * 8  # as far as a decoder looks ahead; of codes that begin with ones it is less than a block


def whole_jpeg(content: bytes) -> bytes:
    """A JPEG of which no pixel is missing, but for a cut that `left_open` shows; with its end marker, if it lacks that.

    Raises:
        EOFError: It is cut short.
        ValueError: A scan between others is missing.
    """
    scans = _scans(content)
    # a progressive one that ends as it should holds what its encoder sent, which may be less than all there could be
    if scans.broken or (scans.ended and not scans.progressive and not scans.complete):
        raise ValueError("one of its scans is missing")
    seen_otherwise = not scans.stops or scans.alone or (scans.progressive and scans.complete)
    if not scans.found or (scans.ended and seen_otherwise):
        return content
    # room that was kept for a file which never came whole is zeros
    data = content[: scans.stops] if scans.ended else content.rstrip(b"\0")
    mended = _with_end(data) if scans.complete or scans.ended else None
    if mended is None:
        raise EOFError("it is truncated: pixels are missing")
    return mended


def left_open(content: bytes) -> bytes:
    """A JPEG for its decoder, which asks for more where pixels are missing: without its end, if it has one scan.

    A cut that leaves less than a block or two away is not shown.
    """
    scans = _scans(content)
    return content[: scans.stops].rstrip(b"\xff") + _AHEAD if scans.stops and scans.alone else content


@dataclass
class _Scans:
    """How far each component's coefficients are known: bits that still lack, -1 for all."""

    lacking: dict[int, list[int]] = field(default_factory=dict)
    progressive: bool = False
    huffman: bool = False
    found: int = 0
    ended: bool = False
    stops: int = 0  # where the data of the last one do, before the end marker; 0: not known
    broken: bool = False

    @property
    def complete(self) -> bool:
        return all(not any(bits) for bits in self.lacking.values())

    @property
    def alone(self) -> bool:
        """One holds all, and ends with the last pixel."""
        return self.found == 1 and not self.progressive

    def begin_frame(self, segment: bytes) -> None:
        # precision, height and width, then three bytes a component, its number first
        self.lacking = {number: [-1] * _BAND for number in segment[6::3]}

    def add(self, segment: bytes) -> None:
        """A scan's header: how many components, two bytes each, the band, the bits before and after."""
        self.found += 1
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
            scans.ended, scans.stops = True, marker.start() if scans.huffman else 0
            break
        length = int.from_bytes(content[marker.end() : marker.end() + 2])
        segment, at = content[marker.end() + 2 : marker.end() + length], marker.end() + max(2, length)
        try:
            if kind in _FRAMES:
                scans.progressive, scans.huffman = kind in _PROGRESSIVE, kind in _HUFFMAN
                scans.begin_frame(segment)
            elif kind == _SCAN:
                scans.add(segment)
        except (IndexError, KeyError, ValueError):  # a header that its decoder refuses, or that is cut
            break
        if scans.found and scans.complete and not scans.progressive:  # its decoder looks for no other scan
            scans.ended = content.rfind(END, at) >= 0
            following = _MARKER.search(content, at)
            if scans.huffman and following is not None and following[1][0] == _END:
                scans.stops = following.start()
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
