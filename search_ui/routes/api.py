"""All routes as one ASGI application, with the document of them that FastAPI makes.

It does not know Streamlit, beside which it is served.
"""

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from search_ui.routes import answers, basemap, captions, feeds, labels, layers, photo_time, pictures, saved, shown
from search_ui.routes.admission.bodies import Bodies
from search_ui.routes.docs import docs_page
from search_ui.routes.health import Metrics
from search_ui.routes.lanes import Lanes
from search_ui.routes.ogc import routes as ogc
from search_ui.routes.problems import RESPONSES, handle, respond
from search_ui.search.provenance import program_version
from search_ui.service.service import Service
from trainer.errors import GroundcastError
from workers.metrics import QueueCollector
from workers.queue_statistics import queue_statistics

_DESCRIPTION = (
    "Search the map by what you would see on the ground. Coordinates are WGS84 degrees; moments are wall-clock time at "
    "the place; every answer names whom to credit in `attribution` or in the header X-Attribution (percent-encoded "
    "UTF-8)."
)


class HeadAsGet:
    """ASGI middleware: HEAD is answered like GET; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self.app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)


def api(service: Service, lanes: Lanes | None = None) -> FastAPI:
    """The routes of a service.

    Args:
        service: Knows the answers.
        lanes: Where they are made; None: in lanes of their own.
    """
    app = FastAPI(
        title="groundcast",
        version=program_version(),
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages are loaded from the internet
        redoc_url=None,
        strict_content_type=False,
        responses=RESPONSES,
        exception_handlers={HTTPException: handle},
        middleware=[Middleware(HeadAsGet), Middleware(Bodies, service=service)],
    )
    metrics = Metrics()
    metrics.registry.register(QueueCollector(lambda: queue_statistics(service.settings, service.catalog)))
    app.state.service, app.state.lanes, app.state.metrics = service, lanes or Lanes(), metrics
    for module in (pictures, layers, shown, basemap, answers, captions, photo_time, saved, labels, feeds, ogc):
        app.include_router(module.router)

    def docs(_: Request) -> Response:
        alone = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(docs_page(app.openapi()), headers=alone)

    def health(_: Request) -> Response:
        try:
            collections = len(service.catalog.collections())
        except GroundcastError as error:
            return respond(error)
        told = {"status": "ok", "version": program_version(), "collections": collections}
        return JSONResponse(told | {"read_only": service.read_only}, headers={"Cache-Control": "no-store"})

    def counters(_: Request) -> Response:
        for one in service.collections():
            metrics.tiles(one.name, one.tiles)
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    app.add_route("/api/docs", docs)
    app.add_route("/healthz", health)
    app.add_route("/metrics", counters)
    return app
