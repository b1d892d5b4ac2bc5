"""The whole report: one HTML file that holds everything, pictures too, and needs nothing else."""

import base64
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import jinja2

from trainer.errors import GroundcastError
from trainer.experiments.running import Ran

_TEMPLATE = "page.html"


def write_page(path: Path, ran: Sequence[Ran], *, about: Mapping[str, str], made: datetime) -> None:
    """Write the report, whole or not at all.

    Args:
        path: The HTML file.
        ran: All experiments, in order.
        about: What stands at the head: name → value.
        made: When.

    Raises:
        GroundcastError: The disk refuses.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["embedded"] = embedded
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
    """A PNG file as the address of an image that is inside the page."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
