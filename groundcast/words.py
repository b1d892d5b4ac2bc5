"""What errors and notes say, in the words of Python: they are written for the command line too.

An option, written with two dashes, becomes the argument of that name; commands in backticks stay, for they run in a
shell beside the notebook. It does not know which messages there are.
"""

import re

_ARGUMENTS = {"not": "not_", "rate": "rate_per_s"}  # what is not called as the option is
_COMMAND = re.compile(r"(`[^`]*`)")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")


def in_python(message: object) -> str:
    """An error or a note as a notebook says it."""
    parts = _COMMAND.split(str(message))
    return "".join(part if number % 2 else _OPTION.sub(_argument, part) for number, part in enumerate(parts))


def _argument(found: re.Match[str]) -> str:
    return _ARGUMENTS.get(found[1], found[1].replace("-", "_"))
