"""How log lines look: for people as ever, or one JSON object a line, with job, chunk and seconds as fields.

What a line says is its logger's. A field is whatever was given as ``extra``. As JSON, warnings of Python, exceptions
that nobody caught and libraries that have ways of their own to write lines go through the root logger too.
"""

import logging
import sys
import threading
from types import TracebackType
from typing import Literal

from trainer.errors import SettingsError

Style = Literal["text", "json"]

PACKAGES = ("trainer", "ingest", "workers", "search_ui")


def configure(style: Style, *, verbose: bool) -> None:
    """Sets the root logger up; once a process, by its door.

    Args:
        style: ``json`` tells each step, as machines like it; ``text`` only with `verbose`.
        verbose: Tell each step, and warnings of libraries too.

    Raises:
        SettingsError: The library that writes JSON is missing.
    """
    each_step = verbose or style == "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if style == "json" else _text(verbose))
    logging.basicConfig(level=logging.WARNING if each_step else logging.ERROR, handlers=[handler])
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO if each_step else logging.WARNING)
    json = style == "json"
    logging.captureWarnings(json)
    sys.excepthook = _uncaught if json else sys.__excepthook__
    threading.excepthook = _uncaught_in_thread if json else threading.__excepthook__
    sys.unraisablehook = _unraisable if json else sys.__unraisablehook__


def as_json() -> bool:
    """Whether every line of this process is to be JSON."""
    return sys.excepthook is _uncaught


def hand_over(name: str) -> None:
    """Takes a library's logger its own way to write lines; those of the root logger are left."""
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.propagate = True


def _uncaught_in_thread(seen: threading.ExceptHookArgs) -> None:
    _uncaught(seen.exc_type, seen.exc_value, seen.exc_traceback)


def _unraisable(seen: "sys.UnraisableHookArgs") -> None:
    """What nobody could catch, as in `__del__`; what it came from is named and not kept."""
    where = f"{seen.err_msg or 'Exception ignored in'}: {seen.object!r}"
    trace = (seen.exc_type, seen.exc_value or seen.exc_type(), seen.exc_traceback)
    logging.getLogger(__name__).error("%s", where, exc_info=trace)


def _uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, SystemExit):
        logging.getLogger(__name__).error("uncaught: %s", kind.__name__, exc_info=(kind, error, where))


def _text(verbose: bool) -> logging.Formatter:
    return logging.Formatter("%(levelname)s %(name)s: %(message)s" if verbose else "groundcast: warning: %(message)s")


def _json() -> logging.Formatter:
    try:
        from pythonjsonlogger.json import JsonFormatter
    except ImportError as error:
        raise SettingsError("log = 'json' needs python-json-logger: pip install 'groundcast[served]'") from error
    return JsonFormatter(
        ["asctime", "levelname", "name", "message"],
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
