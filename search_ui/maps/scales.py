"""What a colour means: a range of values, a palette and a unit; one scale for all pictures that are to be compared.

The palettes are told apart by colour-blind eyes: viridis for amounts (grey in print as well), on darkened imagery the
upper part of inferno; purple to orange for differences, round a light middle or on imagery a dark one; for months and
hours a ring through blue, yellow, vermilion and purple of Okabe and Ito.
It knows neither tiles nor pictures.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]

AMOUNT, DIFFERENCE, RING = "viridis", "PuOr_r", "ring"
HEAT, CHANGE = "heat", "change"
_RING = ((0, 114, 178), (240, 228, 66), (213, 94, 0), (170, 68, 153))  # January and midnight first
_CHANGE = ((222, 200, 255), (150, 90, 235), (60, 40, 90), (96, 58, 14), (240, 140, 20), (255, 226, 160))
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEPS = 256
_HEAT_FROM = 0.36
_TAILS = (0.02, 0.998)  # of the values: what lies outside is drawn in the colour of the end


@dataclass(frozen=True)
class Scale:
    """Values into colours.

    Attributes:
        low: Value of the first colour.
        high: Value of the last one.
        unit: What the values are; stands beside the legend.
        palette: Name of a matplotlib colour map, or `RING`, `HEAT`, `CHANGE`.
        below: Whether there are values under `low`.
        above: Whether there are values over `high`.
        ticks: Values and their names on the legend; empty: round numbers.
        steps: How many colours; fewer than 256 for kinds instead of amounts.
        empty: What the colour of the page means; nothing: it is not explained.
        hidden: What the colour of tiles without a value means; nothing: it is not explained.
    """

    low: float
    high: float
    unit: str
    palette: str = AMOUNT
    below: bool = False
    above: bool = False
    ticks: tuple[tuple[float, str], ...] = ()
    steps: int = _STEPS
    empty: str = "no tile"
    hidden: str = ""

    @cached_property
    def lut(self) -> Pixels:
        """The colours, uint8 [steps, 3]."""
        if self.palette == RING:
            # the first corner once more at the end: December lies beside January, 23 h beside midnight
            where = np.arange(self.steps) * len(_RING) / self.steps
            corners = np.array([*_RING, _RING[0]]).T
            return np.stack([np.interp(where, range(len(_RING) + 1), one) for one in corners], axis=1).astype(np.uint8)
        if self.palette == CHANGE:
            corners = np.array(_CHANGE).T
            where = np.linspace(0, len(_CHANGE) - 1, self.steps)
            return np.stack([np.interp(where, range(len(_CHANGE)), one) for one in corners], axis=1).astype(np.uint8)
        from matplotlib import colormaps

        # the lower part of inferno is too dark to be told from dark ground
        name, first = ("inferno", _HEAT_FROM) if self.palette == HEAT else (self.palette, 0.0)
        where = np.linspace(first, 1, self.steps)
        return np.asarray(colormaps[name](where, bytes=True), np.uint8)[:, :3]

    def colours(self, values: Values) -> Pixels:
        """Colours of values, uint8 [..., 3]; of NaN, the first one."""
        part = (np.nan_to_num(values, nan=self.low) - self.low) / (self.high - self.low)
        # floor, so that each of `steps` colours has an equal share of the range, and a ring's kinds fall into their own
        return np.asarray(self.lut[np.clip(part * self.steps, 0, self.steps - 1).astype(np.intp)])

    def marks(self) -> list[tuple[float, str]]:
        """Values and their names for the legend."""
        if self.ticks:
            return list(self.ticks)
        values, digits = round_numbers(self.low, self.high, 6)
        sign = "+" if self.palette in (DIFFERENCE, CHANGE) else ""
        return [(value, f"{value:{sign}.{digits}f}".replace("-", "−") if value else "0") for value in values]


def amount_scale(values: Values, unit: str, *, sample: int = 2_000_000) -> Scale:
    """A scale for amounts: the range of all but the outermost values, so that one tile does not flatten a map.

    Args:
        values: Of any shape; NaN is left out.
        unit: What the values are; stands beside the legend.
        sample: At most about so many are looked at.
    """
    known = _known(values, sample)
    if not len(known):
        return Scale(0.0, 1.0, unit)
    low, high = np.quantile(known, _TAILS).tolist()
    least, most = float(known.min()), float(known.max())
    if high - low < 1e-6:
        low, high = least - 5e-4, most + 5e-4
    return Scale(low, high, unit, below=least < low, above=most > high)


def difference_scale(values: Values, unit: str) -> Scale:
    """A scale for differences: 0 in the middle, as far to either side."""
    known = np.abs(_known(values, 2_000_000))
    reach = float(np.quantile(known, _TAILS[1])) if len(known) else 1.0
    reach = max(reach, 5e-4)
    outside = bool(len(known) and known.max() > reach)
    return Scale(-reach, reach, unit, DIFFERENCE, below=outside, above=outside)


def month_scale() -> Scale:
    """The twelve months, 1 to 12, as a ring."""
    return Scale(0.5, 12.5, "month", RING, ticks=tuple(enumerate(MONTHS, start=1)), steps=12)


def hour_scale() -> Scale:
    """The hours of the day, 0 to 23, as a ring."""
    ticks = tuple((float(hour), f"{hour:02d}:00") for hour in range(0, 24, 3))
    return Scale(-0.5, 23.5, "hour, local time", RING, ticks=ticks, steps=24)


def round_numbers(low: float, high: float, count: int) -> tuple[list[float], int]:
    """Round numbers in a range, about so many, and the decimals that they need."""
    # 1, 2 or 5 times a power of ten; the small numbers forgive what binary fractions do to decimal ones
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999))
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    return [round(number * step, digits + 1) for number in range(first, last + 1)], digits


def _known(values: Values, sample: int) -> Values:
    flat = values.reshape(-1)
    # of hundreds of millions, two million tell the ends as well
    some = flat[:: max(1, flat.size // sample)]
    return some[np.isfinite(some)]
