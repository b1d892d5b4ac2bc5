"""The files of MapLibre GL JS, as they lie in the package; see `search_ui.components.maplibre`."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from search_ui.components import maplibre

_KEPT = "public, max-age=31536000, immutable"  # the address holds the version
_TYPES = {".mjs": "text/javascript", ".css": "text/css", ".txt": "text/plain"}


def library_route(base: str = "") -> Route:
    """The route under which a page loads it, behind the path of the app; its worker is looked for beside it."""
    return Route(f"{base}/maplibre/{{version}}/{{name}}", _file)


def _file(request: Request) -> Response:
    version, name = request.path_params["version"], request.path_params["name"]
    if version != maplibre.VERSION or name not in maplibre.FILES.values() or not maplibre.is_here():
        raise HTTPException(404, f"MapLibre {version[:40]} is not here")
    path = maplibre.FOLDER / name
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": _KEPT})
