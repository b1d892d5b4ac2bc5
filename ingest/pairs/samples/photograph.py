"""A photo as it goes into a shard: fetched, decoded, upright, a JPEG of moderate size; or the reason why it cannot.

    dead_link    the server has no such file any more, or answers with its picture for that
    http         no answer, or a refusal, after all retries
    too_large    more than 50 MB, or more pixels than Pillow's limit
    too_small    a side below 64 px
    missing, empty, not_an_image, truncated, corrupt, unsupported …    as `ingest.sources.picture` has them

It does not know places, shards or models.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ingest.pairs.samples.likeness import DIGEST
from ingest.photos.names import on_disk
from ingest.sources.jpeg import whole_jpeg
from ingest.sources.picture import UPRIGHT, orientation, to_rgb, whole_picture
from ingest.sources.web import Web, mask_url
from trainer.errors import ItemError

MAX_BYTES = 50_000_000
MIN_PX = 64
_PLACEHOLDER = "photo_unavailable"  # in the address to which Flickr redirects what is gone

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Photograph:
    """A photo that can be used.

    Attributes:
        jpeg: The file as it goes into the shard.
        digest: Of the file as it was fetched.
        pixels: What a model takes, where one asked for it.
    """

    jpeg: bytes
    digest: bytes
    pixels: Pixels | None


@dataclass(frozen=True)
class Darkroom:
    """Makes photographs. Thread-safe.

    Attributes:
        web: Fetches addresses.
        longest_px: Of a side; larger photos are scaled down, and so lose what EXIF says.
        quality: Of JPEG, where a photo is written anew.
        prepare: Turns a picture into what a model takes; None: nobody asks for it.
    """

    web: Web
    longest_px: int
    quality: int
    prepare: Callable[[Image.Image], Pixels] | None = None

    def __call__(self, address: str) -> Photograph:
        """The photo at a URL or in a file.

        Raises:
            ItemError: With the reason why there is none.
        """
        remote = address.startswith(("http://", "https://"))
        content = self._fetched(address) if remote else _read(Path(address))
        name = mask_url(address) if remote else f"'{address}'"
        return self._developed(content, name)

    def _developed(self, content: bytes, name: str) -> Photograph:
        with whole_picture(content, name) as image:
            if min(image.size) < MIN_PX:
                raise ItemError(
                    "too_small", f"{name} has {image.width}×{image.height} px: at least {MIN_PX} are needed"
                )
            turn = UPRIGHT.get(orientation(image))
            # what needs no change goes as it is: a second JPEG would lose a little more
            as_it_is = image.format == "JPEG" and image.mode == "RGB" and turn is None
            as_it_is &= max(image.size) <= self.longest_px
            image.draft(None, (self.longest_px, self.longest_px))  # a JPEG is decoded at the eighth that suffices
            image.load()
            picture = to_rgb(image)
            picture.thumbnail((self.longest_px, self.longest_px), Image.Resampling.LANCZOS)
            upright = picture if turn is None else picture.transpose(turn)
        jpeg = whole_jpeg(content) if as_it_is else encode(upright, self.quality)
        pixels = None if self.prepare is None else self.prepare(upright)
        return Photograph(jpeg, hashlib.blake2b(content, digest_size=DIGEST).digest(), pixels)

    def _fetched(self, address: str) -> bytes:
        answer = self.web.download(address, at_most=MAX_BYTES)
        if answer is None or _PLACEHOLDER in answer[1]:
            raise ItemError("dead_link", f"{mask_url(address)}: there is no such photo any more")
        return answer[0]


def encode(image: Image.Image, quality: int) -> bytes:
    """A JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    path = on_disk(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ItemError("too_large", f"'{path}' has more than {MAX_BYTES / 1e6:.0f} MB")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ItemError("missing", f"'{path}' does not exist") from error
    except (OSError, ValueError) as error:  # a NUL in the name
        raise ItemError("unreadable", f"'{path}' cannot be read: {error}") from error
