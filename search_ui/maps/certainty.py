"""How sure an answer is, as a colour: one scale for the heat map, the pins, the bars of the list and the words.

Relevance is laid on it by its square root from weak to certain, so that the words lie evenly; what is nothing has no
colour. It knows neither tiles nor pictures.
"""

import math

import numpy as np
import numpy.typing as npt

from search_ui.maps.scales import HEAT, Scale
from search_ui.search.relevance.calibration import DIGITS, POSSIBLE, STRONG, WEAK

UNIT = "relevance"
CLEAR = f"nothing (below {WEAK:.2f})"
_LOW = math.sqrt(WEAK)
_MARKS = ((WEAK, f"weak {WEAK:g}"), (POSSIBLE, f"possible {POSSIBLE:g}"), (STRONG, f"strong {STRONG:g}"), (1.0, "1"))
NOTHING = "#8a8a8a"
"""The colour of what has none, where one is needed."""


def certainty_scale() -> Scale:
    """The scale, in square roots; its marks say the relevance itself."""
    return Scale(_LOW, 1.0, UNIT, HEAT, ticks=tuple((math.sqrt(value), name) for value, name in _MARKS))


def on_scale(relevance: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Relevances as values of the scale, NaN where they have no colour."""
    told = np.round(np.nan_to_num(np.asarray(relevance, np.float64)), DIGITS)
    return np.where(told >= WEAK, np.sqrt(told), np.nan).astype(np.float32)


def share_of(relevance: float | None) -> float:
    """How far along the scale a relevance lies, 0..1; 0 for nothing, and where there is none."""
    value = math.nan if relevance is None else float(on_scale(relevance))
    return 0.0 if math.isnan(value) else max(0.0, (value - _LOW) / (1 - _LOW))


def colour_of(relevance: float | None) -> str:
    """The colour of a relevance, #rrggbb."""
    value = on_scale(math.nan if relevance is None else relevance)
    if np.isnan(value):
        return NOTHING
    return "#{:02x}{:02x}{:02x}".format(*_SCALE.colours(value))


_SCALE = certainty_scale()
