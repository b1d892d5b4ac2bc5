"""The app's server: Streamlit's pages and the HTTP routes in one process, on one port.

It builds the service and hands it to both. Started by `groundcast ui`; `app_of` is also an ASGI application for any
other server.
"""

import logging
import os
import socket
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.settings import PREFIX, Settings
from search_ui.components.base_path import checked_path
from search_ui.routes.admission.connections import serve_by_connections
from search_ui.routes.admission.forwarded import Forwarded
from search_ui.routes.admission.guard import LOCAL, OWN, Guard
from search_ui.routes.admission.page_uploads import PageUploads
from search_ui.routes.admission.rate_limit import RateLimit
from search_ui.routes.api import api
from search_ui.routes.health import Counted
from search_ui.routes.lanes import Lanes
from search_ui.routes.library import library_route
from search_ui.routes.watch import Watching
from search_ui.service import service as running
from search_ui.service.service import Service
from trainer.errors import UsageError
from workers.log_lines import as_json, hand_over

if TYPE_CHECKING:
    from streamlit.starlette import App

log = logging.getLogger(__name__)

PORT = 8501
HOST = "127.0.0.1"
SCRIPT = Path(__file__).with_name("app.py")
MAX_UPLOAD_MIB = 200  # imagery through the page; pictures and areas have limits of their own
_MAX_MESSAGE_MB = 8  # between a page and the app: the outlines of as many labels as a map shows have less than 1
_TRIES = 50  # ports after the usual one


class _Under:
    """The routes as ASGI, which know the path that they are served under."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app, self._base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": f"{scope.get('root_path', '')}{self._base}"}, receive, send)


def routes(
    service: Service, base: str = "", *, lanes: Lanes | None = None, agents: ASGIApp | None = None
) -> list[BaseRoute]:
    """Every route but Streamlit's own, under the path of the app; its health and metrics without it, too.

    Args:
        service: Knows the answers.
        base: The path that they are served under.
        lanes: Where answers are made; None: in lanes of their own.
        agents: Answers agents; None: nobody does.
    """
    answering = api(service, lanes)
    under = _Under(answering, base)
    # who asks for these two reaches the port itself, past the proxy
    plain = [Route(path, answering) for path in ("/healthz", "/metrics")] if base else []
    told = []
    if agents is not None:
        told = [Route(f"{base}/mcp", Counted(agents, "/mcp", answering.state.metrics))]
    return [
        library_route(base),
        *plain,
        *told,
        *(Route(f"{base}{start}{{rest:path}}", under) for start in (*OWN, "/healthz")),
    ]


def app_of(service: Service, *, hosts: Collection[str] = (), base: str = "", proxies: Sequence[str] = ()) -> "App":
    """The app as ASGI.

    Args:
        service: What it shows.
        hosts: Names that it answers to; empty: any.
        base: The path that it is served under, empty or such as /ground.
        proxies: Addresses of proxies, which may say which host was asked for, by whom, and how.
    """
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    lanes = Lanes()
    agents = None
    if service.settings.agents:
        from search_ui.routes.agents.door import AgentsDoor  # of an extra

        agents = AgentsDoor(service, lanes)

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
        async with nullcontext() if agents is None else agents.run():
            yield {}
        running.stop()

    told = [Middleware(Forwarded, proxies=proxies)] if proxies else []
    # what is refused is work too: the rate limit comes before the guard, and behind who asks
    middleware = [*told, Middleware(RateLimit), Middleware(Guard, hosts=hosts, base=base), Middleware(PageUploads)]
    every = routes(service, base, lanes=lanes, agents=agents)
    return App(SCRIPT, routes=every, middleware=middleware, lifespan=lifespan)


@dataclass(frozen=True)
class Listening:
    """Where the app listens, and by which names it goes.

    Attributes:
        host: The address to bind to.
        port: The port; None: the usual one, or the next that is free.
        allowed: Names besides its own that it answers to; of no effect unless it is bound to this machine alone.
        base: The path that it is served under, where a proxy gives it one, such as /ground.
        proxies: Addresses or networks of proxies, which may say which host was asked for, by whom, and how.
    """

    host: str = HOST
    port: int | None = None
    allowed: Collection[str] = ()
    base: str = ""
    proxies: Sequence[str] = ()


def serve(
    settings: Settings,
    listening: Listening,
    *,
    browser: bool = True,
    read_only: bool = False,
    say: Callable[[str], object] = log.info,
) -> None:
    """Serve the app until it is stopped.

    Args:
        settings: Where things are.
        listening: Where it listens.
        browser: Open it in a browser.
        read_only: Nothing may be ingested, uploaded or saved.
        say: Is told where the app is, for people; where lines are JSON they say it already.

    Raises:
        UsageError: The port is taken, base or a proxy is none, or a package for what is asked for is missing.
        CatalogError: The home cannot be opened.
    """
    host, base = listening.host, checked_path(listening.base)
    serve_by_connections()
    chosen = free_port(host, listening.port)
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # Uvicorn would believe whoever asks from this machine
    secrets = secrets_files(settings)
    _check_login(secrets)
    _check_agents(settings)
    service = running.start(settings, read_only=read_only)
    service.warm()
    watching = None if read_only else Watching(service)
    if watching is not None:
        watching.start()
    if as_json():
        _hand_lines_over()
    log.info("the app listens at %s, port %d", host, chosen)
    if not as_json():
        name = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
        say(f"The app is at http://{name}:{chosen}{base}  (Ctrl-C ends it)")
        if settings.agents:
            say(f"Agents are answered at http://{name}:{chosen}{base}/mcp")
    hosts = LOCAL | set(listening.allowed) if host in LOCAL else frozenset(listening.allowed)
    try:
        with suppress(KeyboardInterrupt):  # the usual way to end it
            app = app_of(service, hosts=hosts, base=base, proxies=listening.proxies)
            app.run(config=_config(secrets, host, chosen, browser, base))
    finally:
        if watching is not None:
            watching.end()
        running.stop()


def free_port(host: str, port: int | None) -> int:
    """The port, or of the usual ones the first that is free.

    Raises:
        UsageError: It is taken, or nobody may bind to that address.
    """
    for number in (port,) if port is not None else range(PORT, PORT + _TRIES):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((host, number))
                return int(tried.getsockname()[1])
            except OSError as error:
                why = error.strerror or str(error)
    raise UsageError(f"port {port or f'{PORT} to {PORT + _TRIES - 1}'} of {host}: {why}; choose another with --port")


def secrets_files(settings: Settings) -> list[str]:
    """Where Streamlit looks for secrets: its own files, and `secrets.toml` of the home folder, which counts most."""
    from streamlit import config

    return [*config.get_config_files("secrets.toml"), str(settings.home / "secrets.toml")]


def _check_login(files: Sequence[str]) -> None:
    """Refuse to start where a login is asked for and cannot be: nobody could come in.

    Raises:
        UsageError: The package for it is missing, or a file cannot be read.
    """
    for path in map(Path, files):
        try:
            wanted = path.is_file() and "auth" in tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: not valid TOML ({error}); mend or remove it") from error
        if wanted and find_spec("authlib") is None:
            raise UsageError(f"{path} asks for a login ([auth]), which needs Authlib: pip install 'groundcast[login]'")


def _check_agents(settings: Settings) -> None:
    """Refuse to start where agents are to be answered and cannot be.

    Raises:
        UsageError: The package for it is missing.
    """
    if settings.agents and find_spec("mcp") is None:
        raise UsageError(
            f"{PREFIX}AGENTS asks for an answer to agents, which needs mcp: pip install 'groundcast[agents]'"
        )


def _config(secrets: Sequence[str], host: str, port: int, browser: bool, base: str) -> dict[str, Any]:
    """Streamlit's options; everything else is as its own files say."""
    return {
        "server.address": host,
        "server.port": port,
        "server.baseUrlPath": base,
        "server.headless": not (browser and _has_screen()),
        "server.maxUploadSize": MAX_UPLOAD_MIB,
        "server.maxMessageSize": _MAX_MESSAGE_MB,
        "server.fileWatcherType": "none",
        # with a model in memory it held everybody up for a third of a second after each run; Python's own goes on
        "runner.postScriptGC": False,
        "browser.gatherUsageStats": False,
        # its banner asks a host on the internet for this machine's address
        "logger.hideWelcomeMessage": True,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "secrets.files": list(secrets),
    }


def _hand_lines_over() -> None:
    """Streamlit gives every logger that it makes a way of its own to write, and Uvicorn its own."""
    import uvicorn.config
    from streamlit import logger as of_streamlit

    of_streamlit.setup_formatter = lambda logger: hand_over(logger.name)
    for name in list(of_streamlit._loggers):
        hand_over(name)
    uvicorn.config.LOGGING_CONFIG.update(handlers={}, loggers={})


def _has_screen() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
