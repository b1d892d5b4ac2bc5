"""A picture file as an upright RGB array, or the reason why there is none.

It knows files and pixels, not places or times: those are in `ingest.photos.exif`. Colour profiles are not applied, as
CLIP's own preprocessing applies none. Of an animation or a burst the first frame counts.
"""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, features

from ingest.sources.jpeg import START, left_open, whole_jpeg
from trainer.errors import ItemError

RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"})
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})

_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEAD_BYTES = 64  # enough for the brands of a HEIF container
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")  # Fujifilm, Olympus three times, Panasonic
_DNG_VERSION_TAG = 50706
_DAMAGE = (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, struct.error, zlib.error)
"""What Pillow's decoders raise on broken files; wide, because each format has its own way to fail."""

_WARNINGS = threading.Lock()
"""The interpreter's warning filters belong to all threads: only one of ours changes them at a time."""

_ORIENTATION_TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(source: Path | bytes, name: str | None = None) -> Image.Image:
    """Open a picture without decoding its pixels; the caller closes it.

    Args:
        source: A file, or its content.
        name: For messages; the path where missing.

    Raises:
        ItemError: missing, unreadable, empty, unsupported, too_large, not_an_image or corrupt.
    """
    limit = Image.MAX_IMAGE_PIXELS or 0
    name = name or f"'{source if isinstance(source, Path) else 'picture'}'"
    try:
        head = _read_head(source, name)
        _refuse_by_head(source, head, name)
        with quiet_pillow():
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except Image.DecompressionBombError as error:
        raise ItemError("too_large", f"{name} is larger than {limit / 1e6:.0f} MP: scale it down") from error
    except FileNotFoundError as error:
        raise ItemError("missing", f"{name} does not exist") from error
    except UnidentifiedImageError as error:
        raise ItemError(
            "not_an_image", f"{name} is no picture that can be read: give 8-bit PNG, JPEG or WebP"
        ) from error
    except _DAMAGE as error:
        raise ItemError(_reason(error), f"{name} cannot be opened: {error}") from error
    if image.format == "TIFF" and _DNG_VERSION_TAG in getattr(image, "tag_v2", ()):
        image.close()
        raise _raw(name)  # a TIFF by its start, whose first picture may be a preview
    # between its limit and twice that, Pillow only warns
    if limit and image.width * image.height > limit:
        size = f"{image.width}×{image.height} px"
        image.close()
        raise ItemError("too_large", f"{name} has {size}, more than {limit / 1e6:.0f} MP: scale it down")
    return image


@contextmanager
def whole_picture(source: Path | bytes, name: str) -> Iterator[Image.Image]:
    """Open a picture that lacks nothing, for decoding in ``with``; of a JPEG that may be its end marker.

    Raises:
        ItemError: as `open_picture` and `decoding`.
    """
    with ExitStack() as opened:
        opened.enter_context(decoding(name))
        if isinstance(source, bytes) and source.startswith(START):  # a map tile, which is opened once
            source = left_open(whole_jpeg(source))
        image = opened.enter_context(open_picture(source, name))
        if isinstance(source, Path) and image.format in ("JPEG", "MPO"):
            image = opened.enter_context(open_picture(left_open(whole_jpeg(source.read_bytes())), name))
        yield image


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Decode a picture, upright as its EXIF orientation says, uint8 [h, w, 3] RGB. Thread-safe.

    Raises:
        ItemError: as `open_picture`, or truncated.
    """
    with whole_picture(path, f"'{path}'") as image:
        image.load()
        turn = UPRIGHT.get(orientation(image))
        rgb = to_rgb(image)
    return np.array(rgb if turn is None else rgb.transpose(turn), dtype=np.uint8)


def read_rgba(source: Path | bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode a picture as it lies, uint8 [h, w, 4] RGBA; a map tile or a chip has no orientation. Thread-safe.

    Raises:
        ItemError: as `open_picture`, or truncated.
    """
    with whole_picture(source, name) as image:
        return np.asarray(image.convert("RGBA"))


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Tells what goes wrong while pixels are decoded as an `ItemError`: truncated, corrupt, unreadable or too_large."""
    try:
        yield
    except MemoryError as error:
        raise ItemError("too_large", f"{name} does not fit in memory: scale it down") from error
    except _DAMAGE as error:
        hint = "copy it again from where it came"
        raise ItemError(_reason(error), f"{name} cannot be decoded: {error}; {hint}") from error


def orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1..8; 1 (upright) where it is missing or broken."""
    try:
        with quiet_pillow():
            value = image.getexif().get(_ORIENTATION_TAG)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn any mode into RGB: 16 bits lose the lower 8, what is transparent becomes white.

    Raises:
        ItemError: unsupported, for a mode without a meaning as colours, such as floating point.
    """
    if image.mode in ("RGB", "L", "1", "CMYK", "YCbCr", "HSV") and "transparency" not in image.info:
        return image.convert("RGB")
    # I, I;16 and the like: grey of 16 bits in 16 or 32
    if image.mode.startswith("I"):
        # without a wider type, of which there would be eight bytes a pixel
        return Image.fromarray(np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("P", "PA", "LA", "RGBA", "RGBa", "RGB", "L", "1"):
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    raise ItemError("unsupported", f"pixels of mode {image.mode!r} have no known colours: save it as 8-bit RGB")


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings on large or damaged headers: what matters of them becomes an `ItemError` or a note."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_head(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, bytes):
        return source[:_HEAD_BYTES]
    if source.exists() and not source.is_file():
        raise ItemError("unreadable", f"{name} is not a file")
    with source.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _refuse_by_head(source: Path | bytes, head: bytes, name: str) -> None:
    """By what the file is; its name counts only where raw files begin like pictures."""
    if not head:
        raise ItemError("empty", f"{name} is empty (0 bytes)")
    brands = _brands(head)
    if brands & _AVIF_BRANDS and not features.check("avif"):
        raise ItemError("unsupported", f"{name} is AVIF, which this installation cannot read: convert it to JPEG")
    if brands & _HEIC_BRANDS and not brands & _AVIF_BRANDS:
        raise ItemError("unsupported", f"{name} is HEIC, which is not supported: convert it to JPEG")
    is_named_raw = isinstance(source, Path) and source.suffix.lower() in RAW_SUFFIXES
    is_tiff = head.startswith(_TIFF_STARTS)
    if b"crx " in brands or head.startswith(_RAW_STARTS) or (is_tiff and (is_named_raw or head[8:10] == b"CR")):
        raise _raw(name)


def _brands(head: bytes) -> set[bytes]:
    """The brands that a HEIF container says it keeps to, the main one and the others; none of any other file."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(len(head), int.from_bytes(head[:4], "big"))
    return {head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))}


def _raw(name: str) -> ItemError:
    return ItemError("unsupported", f"{name} is a camera raw file, which is not supported: export it as JPEG")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:  # an error of the file system, not of a decoder
        return "unreadable"
    told = str(error).lower()
    # Pillow has one class for all damage: its words tell them apart
    signs = ("truncated", "unexpected end", "not enough", "broken data stream", "but only got")
    return "truncated" if isinstance(error, EOFError) or any(sign in told for sign in signs) else "corrupt"
