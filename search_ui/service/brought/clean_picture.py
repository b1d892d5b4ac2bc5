"""A picture that somebody brought, made harmless: decoded, made smaller and written anew as PNG.

Nothing of the file itself is kept: no metadata, no second meaning. It does not know where pictures are kept.
"""

import io

from PIL import Image

from ingest.sources.picture import UPRIGHT, open_picture, orientation, to_rgb
from trainer.errors import ItemError, UploadError

MAX_PICTURE_BYTES = 20 * 2**20
MAX_DECODED_BYTES = 128 * 2**20  # 4 a pixel, as Pillow keeps colours; a JPEG is decoded smaller, so of one any will do
KEPT_PX = 1024  # the longer side of a kept picture; no model looks at more
_REDUCIBLE = ("L", "RGB", "RGBA", "LA", "CMYK")  # modes whose values can be averaged as they are
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")


def clean_picture(content: bytes) -> bytes:
    """The picture as a PNG of our own making, upright, RGB, at most `KEPT_PX` on a side.

    Raises:
        UploadError: It is too large, broken, or no PNG, JPEG, WebP or TIFF.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise UploadError(
            f"the picture has {len(content) / 2**20:.1f} MiB, at most {MAX_PICTURE_BYTES >> 20} are taken: "
            "make it smaller"
        )
    try:
        with open_picture(content, "the picture") as image:
            if image.format not in _FORMATS:
                raise UploadError(f"the picture is {image.format}: give PNG, JPEG, WebP or TIFF")
            width, height = image.size
            enough = 2 * KEPT_PX / max(width, height)
            image.draft("RGB", (int(width * enough), int(height * enough)))  # a JPEG is decoded no larger than needed
            decoded = image.width * image.height * (1 if image.mode == "L" else 4)
            if decoded > MAX_DECODED_BYTES:
                raise UploadError(
                    f"the picture has {width}×{height} pixels, {decoded / 2**20:.0f} MiB when it is decoded, and at "
                    f"most {MAX_DECODED_BYTES >> 20} MiB are taken: make it smaller"
                )
            # after the checks: until here only the header was read, however many pixels it promises
            turn = orientation(image)
            image.load()
            if image.mode in _REDUCIBLE and "transparency" not in image.info:
                image.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)  # before it is copied into other modes
            rgb = to_rgb(image)
            rgb.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
    except ItemError as error:  # which is about a file of a collection; this one was brought by the one who asks
        raise UploadError(str(error)) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise UploadError(f"the picture cannot be decoded: {error}") from error
    upright = UPRIGHT.get(turn)
    out = io.BytesIO()
    (rgb if upright is None else rgb.transpose(upright)).save(out, "PNG")
    return out.getvalue()
