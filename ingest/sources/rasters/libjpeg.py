"""What libjpeg says of a damaged JPEG inside a TIFF: for GDAL a warning, and grey pixels nobody has read.

GDAL can be told to take it for an error in a JPEG of its own, but not in a TIFF; rasterio hands warnings to `logging`,
in the thread that reads. It does not know files.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.errors import RasterioIOError

_TOLD = logging.getLogger("rasterio._err")
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG")


class _Damage(logging.Filter):
    """Keeps what is said of damage for who reads in the same thread; else warnings are let through as ever."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if any(damage in text for damage in _DAMAGE) and hasattr(self.heard, "said"):
            self.heard.said.append(text.partition(":")[2] or text)
            return False
        return record.levelno >= (_TOLD.parent or logging.getLogger()).getEffectiveLevel()


_LISTENER = _Damage()


@contextmanager
def damage_is_an_error() -> Iterator[None]:
    """Read rasters of the calling thread in ``with``; at its end a JPEG that was not whole is an error.

    Raises:
        RasterioIOError: What libjpeg said of it.
    """
    _TOLD.addFilter(_LISTENER)  # once, however often it is asked for
    if _TOLD.getEffectiveLevel() > logging.WARNING:  # a quiet console must not make it deaf
        _TOLD.setLevel(logging.WARNING)
    outer, mine = getattr(_LISTENER.heard, "said", None), list[str]()
    _LISTENER.heard.said = mine
    try:
        yield
    finally:
        if outer is None:
            del _LISTENER.heard.said
        else:
            _LISTENER.heard.said = outer
    if mine:
        raise RasterioIOError(mine[0])
