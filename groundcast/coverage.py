"""A collection as a notebook shows it: a small map of where its tiles lie, and what is known of it, as HTML.

The map is a PNG inside the HTML, so it needs no network, and a saved notebook keeps it. It does not know scores.
"""

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from ingest.geo.footprints import Places
from search_ui.maps.furniture import GREY, PAPER, draw_degrees, draw_scale_bar
from search_ui.maps.layers import screen

_LEFT, _BELOW, _RIM = 100, 26, 10  # pixels round the map: for latitudes, for longitudes, elsewhere
_LEFT_ALIGNED = "style='text-align:left'"  # notebooks centre cells, or align them right
_PANELS = 24  # a map as small as one of so many on a page: 320 pixels along the longer side
_COLOURS = np.array([(43, 92, 138), (232, 236, 240)], np.uint8)  # of tiles, and of what is none


def coverage_png(places: Places) -> bytes:
    """Where tiles lie, as a small PNG with degrees and a scale bar.

    Args:
        places: Of the tiles, at least one.
    """
    ground = screen(places, _PANELS)
    canvas = ground.canvas
    page = Image.new("RGB", (_LEFT + canvas.width + _RIM, _RIM + canvas.height + _BELOW), PAPER)
    page.paste(Image.fromarray(_COLOURS[(ground.owners < 0).astype(np.uint8)]), (_LEFT, _RIM))
    draw_degrees(page, canvas, _LEFT, _RIM)
    corner = (_LEFT + canvas.width, _RIM + canvas.height)
    ImageDraw.Draw(page).rectangle((_LEFT - 1, _RIM - 1, *corner), outline=GREY)
    draw_scale_bar(page, canvas, _LEFT, _RIM)
    sink = io.BytesIO()
    page.quantize(32).save(sink, "PNG")  # a fifth of the bytes, in every notebook that is saved
    return sink.getvalue()


def card(title: str, facts: Iterable[tuple[str, object]], picture: bytes | None, alt: str) -> str:
    """A heading, a picture and what is known, one beside the other; whatever is put in is text."""
    rows = "".join(
        f"<tr><th {_LEFT_ALIGNED}>{_text(name)}</th><td {_LEFT_ALIGNED}>{_text(value)}</td></tr>"
        for name, value in facts
        if value is not None
    )
    shown = "" if picture is None else (
        f"<img alt='{_text(alt)}' src='data:image/png;base64,{base64.b64encode(picture).decode()}'>"
    )  # fmt: skip
    beside = f"<div style='display:flex;flex-wrap:wrap;gap:1em'>{shown}<table>{rows}</table></div>"
    return f"<div><b>{_text(title)}</b>{beside}</div>"


def listing(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A heading and a table; whatever is put in is text."""
    head = "".join(f"<th {_LEFT_ALIGNED}>{_text(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td {_LEFT_ALIGNED}>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div><b>{_text(title)}</b><table><tr>{head}</tr>{body}</table></div>"


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value))
