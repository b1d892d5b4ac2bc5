"""The page that tells a person what the routes answer: the OpenAPI document as HTML, which loads nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

_TEMPLATE = "docs.html"


def docs_page(document: Mapping[str, Any]) -> str:
    """An OpenAPI document as a page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # most members are optional
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(document=document)
