"""Maps of scores as PNG files: every tile in the colour of its value, on one scale for all panels.

Nothing here computes a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainer.errors import ArchiveError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRES_A_DEGREE = 111_195.0  # of latitude, on average
_COLOURS = "viridis"  # told apart by all eyes, and grey in print
_SEA = "#dfe8ee"


@dataclass(frozen=True)
class Panel:
    """One map.

    Attributes:
        title: What is shown.
        values: Of every tile, [n].
    """

    title: str
    values: npt.NDArray[np.floating]


def draw_maps(
    path: Path,
    panels: Sequence[Panel],
    *,
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    size_m: npt.NDArray[np.float64],
    unit: str,
    attribution: str | None = None,
    columns: int = 2,
) -> None:
    """Write maps of the same tiles side by side, with one legend, a scale bar and the attribution.

    Args:
        path: The PNG file.
        panels: At least one.
        lat: Centres of the tiles, degrees north, [n].
        lon: Degrees east, [n].
        size_m: Sides, metres, [n].
        unit: What the values are.
        attribution: Whom to credit for the imagery.
        columns: Panels side by side.

    Raises:
        ArchiveError: The file cannot be written.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    squeeze = np.cos(np.radians(lat.mean()))
    tall = np.ptp(lat) / max(np.ptp(lon) * squeeze, 1e-9)
    figure = Figure(
        figsize=(5.2 * columns + 1.2, (4.6 * min(max(tall, 0.4), 1.6) + 0.5) * rows + 0.4), layout="constrained"
    )
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    everything = np.concatenate([panel.values for panel in panels])
    scale = Normalize(*np.quantile(everything, [0.02, 0.998]))
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, panel, lat, lon, size_m, scale)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    _scale_bar(axes[0], lat, lon)
    figure.colorbar(ScalarMappable(scale, _COLOURS), ax=list(axes), label=unit, shrink=0.7, extend="both")
    if attribution:
        figure.text(0.004, 0.004, attribution, fontsize=7, color="#444444")
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error


def _draw(
    axis: "Axes",
    panel: Panel,
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    size_m: npt.NDArray[np.float64],
    scale: object,
) -> None:
    """Every tile as a rectangle, lowest values first, so that a high one is never under a neighbour."""
    from matplotlib.collections import PolyCollection

    half_lat = size_m / 2 / _METRES_A_DEGREE
    half_lon = half_lat / np.cos(np.radians(lat))
    order = np.argsort(panel.values)
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    squares = np.stack(
        [np.stack([lon + x * half_lon, lat + y * half_lat], axis=1) for x, y in corners], axis=1
    )  # [n,4,2]
    tiles = PolyCollection(squares[order], array=panel.values[order], cmap=_COLOURS, norm=scale, linewidths=0)  # type: ignore[arg-type]
    axis.add_collection(tiles)
    axis.set(title=panel.title, xlim=_around(lon, half_lon), ylim=_around(lat, half_lat), facecolor=_SEA)
    axis.set_aspect(1 / np.cos(np.radians(lat.mean())))
    axis.title.set_fontsize(10)
    axis.tick_params(labelsize=7)
    axis.xaxis.set_major_formatter("{x:.2f}°")
    axis.yaxis.set_major_formatter("{x:.2f}°")


def _around(values: npt.NDArray[np.float64], half: npt.NDArray[np.float64]) -> tuple[float, float]:
    margin = 0.03 * np.ptp(values)
    return float((values - half).min() - margin), float((values + half).max() + margin)


def _scale_bar(axis: "Axes", lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> None:
    """A bar of a round number of kilometres, about a fifth of the map."""
    metres = _METRES_A_DEGREE * np.cos(np.radians(lat.mean()))
    rough = np.ptp(lon) * metres / 5
    power = 10 ** np.floor(np.log10(max(rough, 1.0)))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= max(rough, 1.0)))
    west, south = axis.get_xlim()[0], axis.get_ylim()[0]
    x, y = west + 0.04 * np.ptp(axis.get_xlim()), south + 0.05 * np.ptp(axis.get_ylim())
    axis.plot([x, x + length / metres], [y, y], color="black", linewidth=2.5, solid_capstyle="butt")
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axis.annotate(name, (x, y), xytext=(0, 4), textcoords="offset points", fontsize=8)
