"""Encoded pictures (PNG, JPEG, WebP) into pixels. Pillow decodes; it does not know places.

A picture cut short is an error, never a half grey one, and one that claims absurd dimensions is not decoded.
"""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from trainer.errors import ItemError

MAX_PIXELS = 89_478_485  # Pillow's own limit, where it only warns


def open_picture(data: bytes | Path, name: str) -> Image.Image:
    """A picture whose header is read but not its pixels.

    Raises:
        ItemError: There is none, or it is too large; `reason` says which.
    """
    try:
        picture = Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError("too_large", f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise ItemError("missing", f"{name}: there is no such file") from error
    except UnidentifiedImageError as error:
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        reason = "empty" if size == 0 else "not_an_image"
        raise ItemError(reason, f"{name}: not a picture that can be decoded ({size} bytes)") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise ItemError("undecodable", f"{name}: {error}") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise ItemError("too_large", f"{name}: {picture.width}×{picture.height} pixels are more than {MAX_PIXELS}")
    return picture


def decode_rgba(data: bytes | Path, name: str) -> npt.NDArray[np.uint8]:
    """A picture as uint8 [h, w, 4], RGBA.

    Raises:
        ItemError: It cannot be decoded whole.
    """
    with open_picture(data, name) as picture:
        try:
            return np.asarray(picture.convert("RGBA"))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise ItemError("truncated", f"{name}: the picture is cut short or damaged ({error})") from error
