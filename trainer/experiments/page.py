"""The whole report: one HTML file that holds everything, pictures too, and needs nothing else."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import jinja2
from PIL import Image

from trainer.errors import GroundcastError
from trainer.experiments.running import Ran

_TEMPLATE = "page.html"
_QUALITY = 90


def write_page(path: Path, ran: Sequence[Ran], *, about: Mapping[str, str], made: datetime) -> None:
    """Write the report, whole or not at all.

    Args:
        path: The HTML file; replaced if it is there.
        ran: What became of each experiment, in the order of the page.
        about: What stands at the head: name → value.
        made: When it was made, local time; printed at the head.

    Raises:
        GroundcastError: The disk refuses.
    """
    # escaped, for texts come from files that others wrote; a name that the template misspells is an error, not a gap
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["embedded"] = embedded
    environment.filters["width"] = width
    text = environment.get_template(_TEMPLATE).render(ran=ran, about=about, made=made)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise GroundcastError(f"{path} cannot be written: {error.strerror or error}") from error


def embedded(picture: Path) -> str:
    """A picture's file as the address of an image inside the page, as WebP, which is a fraction of the PNG."""
    sink = io.BytesIO()
    with Image.open(picture) as image:
        image.convert("RGB").save(sink, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(sink.getvalue()).decode()}"


def width(picture: Path) -> int:
    """How wide a picture stands in the page, CSS pixels: it has half as many again, for screens that can show them."""
    with Image.open(picture) as image:
        return round(image.width / 1.5)
