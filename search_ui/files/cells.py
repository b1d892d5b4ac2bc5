"""Cells of CSV files: a spreadsheet computes text that begins like a formula, and files hold text that others wrote."""

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def no_formula(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would compute; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
