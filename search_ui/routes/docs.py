"""The page that tells a person what the routes answer: the OpenAPI document as HTML, which loads nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEMPLATE = "docs.html"


def docs_page(document: Mapping[str, Any]) -> str:
    """An OpenAPI document as a page."""
    import jinja2  # a person reads this page; programs ask without it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # most members are optional
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(document=document)
