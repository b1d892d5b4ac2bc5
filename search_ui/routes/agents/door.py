"""The Model Context Protocol on the app's port: streamable HTTP without sessions, by the protocol's own SDK.

A message is a POST and its answer JSON; there are no sessions and no streams, so nothing is kept between two requests
and any process behind a proxy can answer. The guard, the rate limit and the login stand before it, as before the other
routes; host and origin are theirs to judge. It does not know what the tools answer.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from starlette.types import Receive, Scope, Send

from search_ui.routes.admission.bodies import MAX_JSON_BYTES, Bodies
from search_ui.routes.agents.tools import Tools
from search_ui.routes.lanes import Lanes
from search_ui.routes.problems import refuse
from search_ui.search.provenance import program_version
from search_ui.service.service import Service

_INSTRUCTIONS = (
    "Search the map by what one would see on the ground: overhead imagery, seen by a model that predicts the ground "
    "view at a place and moment. Call `collections` first, then `search` with a few English words and, if it matters, "
    "a moment. A relevance is a calibrated chance; where `nothing` is true, say that nothing here looks like it, and "
    "where `not_now` is set, say when one would see it. Name whom `provenance.attribution` credits."
)


class AgentsDoor:
    """The door as an ASGI application; `run` must be entered while it is served.

    Args:
        service: Knows the answers.
        lanes: Where they are made, those of the other routes.
    """

    def __init__(self, service: Service, lanes: Lanes) -> None:
        may = Tools(service, lanes)
        every = (may.collections, may.search, may.ground, may.calendar, may.places, may.evaluate)
        self._server = _quietly("groundcast", [_tool(one) for one in every])
        self._manager = StreamableHTTPSessionManager(
            self._server._lowlevel_server,  # there is no public way to serve it without an application of its own
            json_response=True,
            stateless=True,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the guard's
            max_request_body_size=MAX_JSON_BYTES,
        )
        self._app = Bodies(StreamableHTTPASGIApp(self._manager), service=service, harmless=True)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """While it is entered, requests are answered; once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; there is no stream to be opened by GET, and no session to be ended by DELETE."""
        if scope["method"] != "POST":
            await refuse(
                scope, receive, send, 405, "agents send POST here: see docs/agents.md", headers={"Allow": "POST"}
            )
            return
        await self._app(scope, receive, send)


def _tool(answer: Callable[..., Awaitable[Any]]) -> Tool:
    """A tool that refuses arguments that it does not know: left out in silence, the answer were to another question."""
    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    tool = Tool.from_function(answer, annotations=hints)
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def _quietly(name: str, tools: list[Tool]) -> MCPServer[None]:
    """The server; it would change how all of this process logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    server: MCPServer[None] = MCPServer(
        name, instructions=_INSTRUCTIONS, version=program_version(), tools=tools, log_level="WARNING"
    )
    root.handlers[:] = handlers
    root.setLevel(level)
    return server
