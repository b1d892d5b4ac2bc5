"""The pairs as a picture: where, at which hour, in which month, in which country they were taken. A PNG file.

It counts nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ingest.pairs.tally import Tally
from ingest.places.countries import Countries

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOUR, _LAND, _SEA = "#0072b2", "#d9d9d9", "#ffffff"
_MONTHS = "JFMAMJJASOND"
_COUNTRIES = 20


def write_plots(found: Tally, countries: Countries, file: Path) -> None:
    """Draw what was counted.

    Args:
        found: The counts to draw, by hour, month, year, country and place.
        countries: Of the world, for the map.
        file: A PNG file, written anew.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # no global state, so that no window is ever asked for

    figure = Figure(figsize=(12, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.35, 1))[:, 0]
    total = found.pairs.total()
    top.suptitle(f"{total:,} pairs: " + ", ".join(f"{split} {count:,}" for split, count in found.pairs.items()))
    _draw_map(top.subplots(), found, countries)
    hours, months, most = bottom.subplots(1, 3, width_ratios=(1, 0.6, 1.2))
    dated = f"{total - found.undated:,} dated"
    _bars(
        hours,
        [str(h) if h % 3 == 0 else "" for h in range(24)],
        found.hours.tolist(),
        f"hour of the camera's clock ({dated})",
    )
    _bars(months, list(_MONTHS), found.months.tolist(), "month")
    listed = found.countries.most_common(_COUNTRIES)
    names = [code or "sea" for code, _ in listed]
    _bars(most, names, [count for _, count in listed], f"country ({len(found.countries)} in all)")
    most.tick_params(axis="x", labelrotation=90)
    figure.savefig(file, dpi=110)


def _draw_map(axis: "Axes", found: Tally, countries: Countries) -> None:
    from matplotlib.colors import ListedColormap, LogNorm

    land = countries.grid[::5, ::5] > 0  # every half degree
    axis.imshow(land, extent=(-180, 180, -90, 90), cmap=ListedColormap([_SEA, _LAND]), interpolation="nearest")
    south, west = np.nonzero(found.map)
    counts = found.map[south, west]
    order = np.argsort(counts)  # the fullest on top
    largest = max(10, int(counts.max(initial=1)))
    dots = axis.scatter(
        west[order] - 179.5, south[order] - 89.5, c=counts[order], s=9 if len(counts) > 500 else 30, marker="s",
        cmap="viridis_r", norm=LogNorm(1, largest), linewidths=0,
    )  # fmt: skip
    axis.set(xlim=(-180, 180), ylim=(-65, 85), title="pairs by degree; grey: countries with their coastal waters")
    axis.figure.colorbar(dots, ax=axis, shrink=0.8, label="pairs")


def _bars(axis: "Axes", names: list[str], counts: list[int], title: str) -> None:
    axis.bar(range(len(names)), counts, color=_COLOUR)
    axis.set(title=title, xlim=(-0.6, max(len(names), 6) - 0.4))
    axis.set_xticks(range(len(names)), names)
    axis.spines[["top", "right"]].set_visible(False)
