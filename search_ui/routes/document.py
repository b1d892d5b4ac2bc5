"""The OpenAPI document, made from the same definitions that check the parameters."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from search_ui.routes.endpoint import Endpoint
from search_ui.routes.problems import STATUS
from search_ui.search.provenance import program_version

_CONVERTOR = re.compile(r"{(\w+):\w+}")
_REF = "#/components/schemas/{model}"


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document of the endpoints, OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        path = _CONVERTOR.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "groundcast",
            "version": program_version(),
            "description": "Search the map by what you would see on the ground. Coordinates are WGS84 degrees; moments "
            "are wall-clock time at the place; every answer names whom to credit in `attribution` or in the header "
            "X-Attribution (percent-encoded UTF-8).",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "message": {"type": "string"}},
            "required": ["kind", "message"],
        }
    },
    "required": ["error"],
}


def _operation(endpoint: Endpoint, path: str) -> dict[str, Any]:
    answer = {"description": endpoint.summary, "content": {endpoint.media: {}}}
    problem = {"content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}}
    told = {
        str(status): {"description": ", ".join(sorted(kind.__name__ for kind in STATUS if STATUS[kind] == status))}
        | problem
        for status in sorted(set(STATUS.values()))
    }
    operation: dict[str, Any] = {"summary": endpoint.summary, "responses": {"200": answer} | told}
    schema = _schema(endpoint.parameters)
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    elif endpoint.method == "POST":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    else:
        operation["parameters"] = [_parameter(name, one, schema, path) for name, one in schema["properties"].items()]
    return operation


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    _, made = models_json_schema([(model, "validation")], ref_template=_REF)
    schema: dict[str, Any] = made["$defs"][model.__name__]
    return {"properties": {}} | schema


def _parameter(name: str, schema: dict[str, Any], whole: dict[str, Any], path: str) -> dict[str, Any]:
    in_path = f"{{{name}}}" in path
    told = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {
        "name": name,
        "in": "path" if in_path else "query",
        "required": in_path or name in whole.get("required", []),
        "description": schema.get("description", ""),
        "schema": told,
    }
