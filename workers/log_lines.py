"""How log lines look: for people as ever, or one JSON object a line, with job, chunk and seconds as fields.

What a line says is its logger's. A field is whatever was given as ``extra``.
"""

import logging
import sys
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
