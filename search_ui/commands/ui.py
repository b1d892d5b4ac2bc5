"""`groundcast ui`: the app in a browser, and its HTTP routes."""

import click

from search_ui.commands.context import CommandContext, pass_command_context


@click.command(short_help="Open the app in a browser.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port [8501, or the next that is free].")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind to; 0.0.0.0: every one.")
@click.option("--allow-host", "allowed", multiple=True, metavar="NAME", help="Also answer to this name; repeatable.")
@click.option("--base-path", "base", default="", metavar="PATH", help="Serve under this path, such as /ground.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="ADDRESS",
    help="Believe the proxy at this address about host, scheme and who asks; repeatable.",
)  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--read-only", is_flag=True, help="Nothing may be ingested, uploaded or saved: for a demonstration.")
@pass_command_context
def command(
    ctx: CommandContext,
    port: int | None,
    host: str,
    allowed: tuple[str, ...],
    base: str,
    proxies: tuple[str, ...],
    no_browser: bool,
    read_only: bool,
) -> None:
    """Serve the app until Ctrl-C.

    The same port answers other programs: imagery and scores as XYZ tiles for QGIS, search as JSON; the document is at
    /api/openapi.json. Bound to this machine alone unless --host says otherwise; without a login whoever reaches the
    port may use it. A login: [auth] in secrets.toml of the home folder, as Streamlit's documentation says.
    """
    from search_ui.server import Listening, serve

    listening = Listening(host, port, allowed, base, proxies)
    serve(ctx.settings, listening, browser=not no_browser, read_only=read_only, say=click.echo)
