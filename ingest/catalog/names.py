"""What a person may call a model, a collection or a gallery; the names of folders follow them."""

import re

from trainer.errors import UsageError

GALLERY = "gallery."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """A collection's or model's name, which is also the name of a folder.

    Raises:
        UsageError: It has other characters than letters, digits, dot, dash and underscore.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a name: use letters, digits, '.', '_' and '-', at most 100, no leading dot"
        )
    return name


def gallery_name(name: str) -> str:
    """The name of a gallery in the catalog: galleries and collections of tiles may be called the same."""
    return GALLERY + check_name(name)
