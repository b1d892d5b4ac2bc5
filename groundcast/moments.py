"""Moments and dates as Python has them: text, `datetime`, pandas, NumPy; read as the command line reads text.

A missing one (None) asks for any time. What stands for a missing one in a table (NaT) is refused: it came out of data,
and whoever asks with it means a moment. It does not know questions.
"""

from datetime import date, time
from typing import Any

import numpy as np

from search_ui.search.moments import parse_moment
from trainer.encoding import When
from trainer.errors import AreaError, UsageError

Moment = str | date | time | np.datetime64 | None
"""Wall-clock time at the place: text as `search_ui.search.moments` reads it, or what Python has; None: any time."""
Date = str | date | np.datetime64 | None
"""A day or a moment in UTC."""

_FORMS = "2025-07-14T18, 2025-07-14, 2025-07 or T18"


def moment_of(name: str, value: Any) -> When:
    """The moment of an argument, wall-clock time at the place; None: any time.

    Raises:
        UsageError: It is no moment.
    """
    if value is None:
        return None
    if isinstance(value, np.datetime64):
        value = _plain(value)
    if isinstance(value, str):
        return parse_moment(value)
    if not isinstance(value, date | time) or value != value:  # noqa: PLR0124 - NaT is a date, and is not itself
        raise UsageError(f"{name} = {value!r} is no moment: give text such as {_FORMS}, or a date, datetime or time")
    # pandas' own are datetimes of another kind
    made: When = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return made


def date_text(name: str, value: Any) -> str | None:
    """The text of a date or a moment in UTC, as `ingest.geo.area.parse_dates` reads it; None: not given.

    Raises:
        AreaError: It is no date.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, np.datetime64):
        value = _plain(value)
    if isinstance(value, str):
        return value
    if not isinstance(value, date) or value != value:  # noqa: PLR0124 - as above
        raise AreaError(f"{name} = {value!r} is no date: give text such as 2020-08-31, or a date or datetime")
    return str(value.isoformat())


def _plain(value: np.datetime64) -> Any:
    """As coarse as it is: a month and a day as text, finer ones as a datetime; NaT as text that nobody reads as one."""
    if np.isnat(value):
        return "NaT"
    unit = np.datetime_data(value)[0]
    return str(value) if unit in ("Y", "M", "W", "D") else value.astype("datetime64[us]").item()
