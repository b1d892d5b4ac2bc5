"""An evaluation against truth as one HTML file that holds everything, pictures too, and loads nothing."""

import base64
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.geo.geometry import Footprint
from search_ui.files.writing import check_name, write_whole
from search_ui.maps.mercator import MercatorCanvas
from search_ui.truth.evaluation import ClassResult, TruthResult, say_rule, say_when
from search_ui.truth.pictures import canvases, curves, shapes_on, tiles_on, truth_map, verdict_map
from search_ui.truth.report import LESS, NAMES
from trainer.measures.metrics import Estimate

SUFFIXES = (".html",)
_TEMPLATE = "page.html"

Backdrop = Callable[[MercatorCanvas, Mapping[str, Footprint]], npt.NDArray[np.uint8] | None]
"""The imagery on a canvas and of some tiles there, uint8 [height, width, 4]; None where there is none."""


def check_target(path: Path) -> None:
    """Refuse a file that the page cannot be written to.

    Raises:
        UsageError: Unknown suffix, missing folder, or the path is a folder.
    """
    check_name(path, SUFFIXES)


def write_page(path: Path, result: TruthResult, *, facts: Mapping[str, Any], backdrop: Backdrop) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The HTML file; replaced if it is there.
        result: What came out.
        facts: Where the answers come from, `search_ui.search.provenance.Provenance.facts`.
        backdrop: Gives the imagery under the maps.

    Raises:
        UsageError: As `check_target`.
        GroundcastError: The file cannot be written.
    """
    check_target(path)
    import jinja2

    # escaped, for texts come from files that others wrote; a name that the template misspells is an error, not a gap
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"png": _address, "number": _number, "interval": _interval}
    text = environment.get_template(_TEMPLATE).render(
        result=result,
        plan=result.plan,
        when=say_when(result.plan.when),
        rule=say_rule(result.plan.share),
        facts=facts,
        names=NAMES,
        less=LESS,
        shown=[_shown(one, backdrop) for one in result.classes],
    )
    write_whole(path, text.encode("utf-8", "replace"))


def _shown(one: ClassResult, backdrop: Backdrop) -> dict[str, Any]:
    where = one.scores
    maps, bare, undrawn, (made, places) = [], True, 0, canvases(one)
    for canvas in made:
        here = {
            where.tile_id[row]: Footprint(float(where.lat[row]), float(where.lon[row]), float(where.size_m[row]))
            for row in tiles_on(one, canvas).tolist()
        }
        imagery = backdrop(canvas, here)
        bare &= imagery is None
        shapes, more = shapes_on(one, canvas)
        undrawn += more
        pictures = {"truth": truth_map(one, canvas, imagery, shapes), "verdicts": verdict_map(one, canvas, imagery)}
        maps.append(pictures | {"wide": canvas.width > 1.6 * canvas.height})
    told = {"one": one, "said": one.as_dict(), "curves": curves(one)}
    return told | {"maps": maps, "bare": bare, "undrawn": undrawn, "places": places}


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _number(value: Estimate | float | None) -> str:
    plain = value.value if isinstance(value, Estimate) else value
    return "–" if plain is None or math.isnan(plain) else f"{plain:.3f}"


def _interval(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.low) else f"{estimate.low:.3f} to {estimate.high:.3f}"
