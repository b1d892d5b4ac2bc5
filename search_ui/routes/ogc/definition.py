"""The OpenAPI document of the OGC routes, in version 3.0, which OGC API Features 1.0 and QGIS ask for.

It is cut out of the one that FastAPI makes in version 3.1, whose schemas say null, exclusive bounds and constants in
another way. It does not know what the routes answer.
"""

import copy
from typing import Any

from search_ui.routes.ogc.asking import LIMIT, MOST_ITEMS

_PREFIX = "/ogc"
_STANDARD: dict[str, dict[str, Any]] = {  # as the standard words them, which clients look for
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": LIMIT},
    "bbox": {
        "type": "array", "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    },
    "datetime": {"type": "string"},
}  # fmt: skip


def definition(document: dict[str, Any], base: str) -> dict[str, Any]:
    """The part of an OpenAPI 3.1 document that is about OGC API, in 3.0.

    Args:
        document: As FastAPI makes it.
        base: Address of the landing page.
    """
    paths = {}
    for path, operations in document["paths"].items():
        if path.startswith(f"{_PREFIX}/") or path == _PREFIX:
            paths[path.removeprefix(_PREFIX) or "/"] = _older(copy.deepcopy(operations))
    parameters = {name: _worded({"name": name, "in": "query", "required": False}) for name in _STANDARD}
    for operation in (one for operations in paths.values() for one in operations.values()):
        given = operation.get("parameters", [])
        features = any(one["name"] == "datetime" for one in given)  # a box of tiles is written as in the other routes
        operation["parameters"] = [
            {"$ref": f"#/components/parameters/{one['name']}"} if features and one["name"] in _STANDARD else one
            for one in given
        ]
        operation["responses"].pop("422", None)  # it is 400 here
    schemas = _older(copy.deepcopy(document.get("components", {}).get("schemas", {})))
    return {
        "openapi": "3.0.3",
        "info": document["info"],
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"parameters": parameters, "schemas": schemas},
    }


def _worded(parameter: dict[str, Any]) -> dict[str, Any]:
    return parameter | {"schema": _STANDARD[parameter["name"]], "style": "form", "explode": False}


def _older(value: Any) -> Any:
    """Whatever holds schemas of 3.1, with schemas of 3.0."""
    if isinstance(value, list):
        return [_older(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _older(one) for key, one in value.items()}
    choices = made.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [one for one in choices if one != {"type": "null"}]
        del made["anyOf"]
        made = (left[0] | made if len(left) == 1 else made | {"anyOf": left}) | {"nullable": True}
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(flag), int | float) and not isinstance(made[flag], bool):
            made |= {bound: made[flag], flag: True}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    return made
