"""Vectors that were stored as whole numbers, back as floats: by the rule that their layout or STAC item documents.

A rule is never guessed: bytes without one are refused, for a wrong one gives vectors that look right and are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainer.errors import SourceError, UsageError

Floats = npt.NDArray[np.float32]

HALF_RANGE = 127.5  # of int8, as AlphaEarth Foundations divides by
NO_DATA = -128
_POWER = ("sqrt_scale", "signed_power", "signed_square", "power")


@dataclass(frozen=True)
class Rule:
    """How whole numbers become floats.

    Attributes:
        method: ``linear``: x·scale + offset. ``power``: sign(x)·(|x| / 127.5)², AlphaEarth's. ``levels``: each number
            stands for several, its digits in mixed radix, of finite scalar quantisation.
        scale: Of ``linear``: one number, or one for each of the vector's.
        offset: The same.
        levels: Of ``levels``: how many values each digit has.
        no_data: The number that stands where there is no vector.
    """

    method: Literal["linear", "power", "levels"] = "linear"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    levels: tuple[int, ...] = ()
    no_data: int | None = None

    def floats(self, stored: npt.NDArray[Any]) -> Floats:
        """Vectors, float32 [n, d·k], of whole numbers [n, d]; NaN where one says that there is none. k is 1 but for
        ``levels``.

        Raises:
            SourceError: A scale for each number, and not as many as there are.
        """  # fmt: skip
        empty = np.zeros(stored.shape, np.bool_) if self.no_data is None else stored == self.no_data
        if self.method == "levels":
            return self._digits(stored, empty)
        values = stored.astype(np.float32)
        if self.method == "power":
            values = np.asarray(np.sign(values) * (np.abs(values) / np.float32(HALF_RANGE)) ** 2, np.float32)
        else:
            for name, one in (("scales", self.scale), ("offsets", self.offset)):
                if len(one) not in (1, stored.shape[1]):
                    raise SourceError(f"{len(one)} {name} for vectors of {stored.shape[1]} numbers: give one, or each")
            values = values * np.array(self.scale, np.float32) + np.array(self.offset, np.float32)
        values[empty] = np.nan
        return values

    def _digits(self, stored: npt.NDArray[Any], empty: npt.NDArray[np.bool_]) -> Floats:
        radix = np.cumprod([1, *self.levels[:-1]])
        half = np.array(self.levels) // 2
        digits = (stored.astype(np.int64)[..., None] // radix) % np.array(self.levels)
        values: Floats = ((digits - half) / half).astype(np.float32)
        values[empty] = np.nan
        return values.reshape(len(stored), stored.shape[1] * len(self.levels))

    def __str__(self) -> str:
        match self.method:
            case "power":
                return "sign(x)·(|x| / 127.5)²"
            case "levels":
                return f"digits of {'·'.join(map(str, self.levels))} levels"
        several = len(self.scale) > 1 or len(self.offset) > 1
        return "x·scale + offset, each its own" if several else f"x·{self.scale[0]:g} + {self.offset[0]:g}"


ALPHA_EARTH = Rule("power", no_data=NO_DATA)
SEAMLESS = Rule("levels", levels=(8, 8, 8, 5, 5, 5))
"""Embedded Seamless Data: six numbers a code."""


def given_rule(scale: float | None, offset: float | None) -> Rule | None:
    """The rule that a person gives; None where none is given.

    Raises:
        UsageError: A scale of 0, or that is no number.
    """
    if scale is None and offset is None:
        return None
    rule = Rule(scale=(1.0 if scale is None else scale,), offset=(offset or 0.0,))
    if rule.scale[0] == 0 or not np.isfinite([*rule.scale, *rule.offset]).all():
        raise UsageError(f"--scale {scale} --offset {offset}: give numbers, and a scale that is not 0")
    return rule


def told_rule(told: Mapping[str, Any], where: str) -> Rule | None:
    """The rule of a STAC item's ``emb:quantization``; None: it says that nothing was quantised.

    Raises:
        SourceError: It is of a method that is not known, or incomplete.
    """
    method = str(told.get("method", "")).casefold()
    if method in ("none", ""):
        return None
    try:
        no_data = None if told.get("nodata") is None else int(told["nodata"])
        if method in _POWER:
            return Rule("power", no_data=NO_DATA if no_data is None else no_data)
        if method == "linear":
            return Rule(
                scale=_numbers(told.get("scale", 1.0)), offset=_numbers(told.get("offset", 0.0)), no_data=no_data
            )
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: its emb:quantization cannot be read ({error})") from error
    raise SourceError(
        f"{where}: its vectors are quantised by {method!r}; known are linear (scale, offset) and {', '.join(_POWER)}: "
        "pass --scale and --offset if it is linear"
    )


def _numbers(told: Any) -> tuple[float, ...]:
    several = told if isinstance(told, Sequence) and not isinstance(told, str) else [told]
    numbers = tuple(float(one) for one in several)
    if not numbers or not np.isfinite(numbers).all():
        raise ValueError(f"{told!r} is no number")
    return numbers
