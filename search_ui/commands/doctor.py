"""`groundcast doctor`: is this installation sound, and what is missing?"""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.service.extras import DISTRIBUTION, FOR_USERS, missing
from search_ui.service.reachable import Check, check_archive, check_index, check_redis, existing

if TYPE_CHECKING:
    from ingest.catalog.catalog import Catalog

PACKAGES = ("trainer", "ingest", "workers", "search_ui")
LIBRARIES = (
    "onnxruntime",
    "rasterio",
    "pyarrow",
    "sqlalchemy",
    "qdrant-edge-py",
)
LOW_DISK = 2 * 1024**3


@click.command(short_help="Is this installation sound?")
@json_option
@pass_command_context
def command(ctx: CommandContext, as_json: bool) -> None:
    """Check packages, versions, home folder, models, and whether catalog, archive, Redis and index can be reached.

    Exit code 1 where something is wrong.
    """
    checks = list(_checks(ctx))
    if as_json:
        print_json({"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            click.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name:18} {check.found}")
            if not check.ok and check.mend:
                click.echo(f"     {'':18} → {check.mend}")
    if not all(check.ok for check in checks):
        raise SystemExit(1)


def _checks(ctx: CommandContext) -> Iterator[Check]:
    version = platform.python_version()
    yield Check("python", sys.version_info >= (3, 11), version, "groundcast needs Python 3.11 or newer")
    for package in PACKAGES:
        yield _check_package(package)
    for library in LIBRARIES:
        yield _check_library(library)
    yield _check_map()
    for extra in FOR_USERS:
        yield _check_extra(extra)
    if "torch" not in missing("ingest"):
        yield _check_torch()
    yield from _check_home(ctx)


def _check_package(package: str) -> Check:
    """`trainer` is also a package on PyPI; whichever stands first on the path wins."""
    own = Path(__file__).resolve().parents[2]
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).resolve() if spec and spec.origin else None
    ours = found is not None and found.is_relative_to(own)
    mend = f"another distribution shadows ours: `pip uninstall {package}`, then reinstall groundcast"
    return Check(f"package {package}", ours, str(found), mend)


def _check_library(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "missing", f"pip install {name}")


def _check_map() -> Check:
    from search_ui.components import maplibre

    return Check("MapLibre GL JS", maplibre.is_here(), maplibre.VERSION, f"the app has no map without: {maplibre.HOW}")


def _check_extra(extra: str) -> Check:
    """None of them need be there, so what is missing is no fault."""
    lacking = missing(extra)
    found = f"lacks {', '.join(lacking)}: pip install '{DISTRIBUTION}[{extra}]'" if lacking else "installed"
    return Check(f"extra {extra}", True, found)


def _check_torch() -> Check:
    """torchvision works only with the torch that it was built for; importing it tells."""
    mend = "install the pair of versions that constraints.txt names"
    try:
        import torch
        import torchvision  # noqa: F401 - importing is the check
    except (ImportError, RuntimeError, OSError) as error:
        return Check("torch imports", False, f"{type(error).__name__}: {error}", mend)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return Check("torch imports", True, device)


def _check_home(ctx: CommandContext) -> Iterator[Check]:
    from trainer.errors import GroundcastError

    try:
        settings = ctx.settings
    except GroundcastError as error:
        yield Check("settings", False, str(error), "mend the setting")
        return
    yield Check("settings", True, f"home {settings.home}")
    yield from _check_catalog(ctx)
    free = shutil.disk_usage(existing(settings.home)).free
    yield Check(
        "disk", free > LOW_DISK, f"{free / 1024**3:.1f} GiB free", "free space: parts and index are written here"
    )
    yield check_archive(settings)
    if settings.redis_url is not None:
        yield check_redis(settings.redis_url.get_secret_value())
    yield from check_index(settings, _catalog(ctx))


def _catalog(ctx: CommandContext) -> "Catalog | None":
    from trainer.errors import GroundcastError

    try:
        return ctx.catalog
    except (GroundcastError, OSError):  # which `_check_catalog` tells
        return None


def _check_catalog(ctx: CommandContext) -> Iterator[Check]:
    from trainer.errors import GroundcastError

    try:
        catalog = ctx.catalog
        collections, models = catalog.collections(), catalog.models()
        runs = f"{catalog.database.server_version()}, schema {catalog.schema()}"
    except (GroundcastError, OSError) as error:
        served = ctx.settings.database_url is not None
        mend = (
            "start the server, or mend database_url"
            if served
            else "mend or remove that file; `groundcast verify` compares what is left"
        )
        yield Check("catalog", False, str(error), mend)
        return
    at = catalog.database.shown if ctx.settings.database_url is not None else "in the home"
    may = f", {catalog.database.rights()}" if ctx.settings.database_url is not None else ""
    yield Check("catalog", True, f"{runs}, {at}: {len(models)} models, {len(collections)} collections{may}")
    for model in models:
        yield _check_model(ctx.settings.models_dir / model.name, model.name, model.model_id)


def _check_model(folder: Path, name: str, model_id: str) -> Check:
    from trainer.checkpoint import read_meta
    from trainer.errors import GroundcastError

    try:
        found = read_meta(folder).model_id
    except GroundcastError as error:
        return Check(f"model {name}", False, str(error), "add it again with `groundcast model add`")
    return Check(
        f"model {name}", found == model_id, found, f"its folder holds another model than {model_id}: add it again"
    )
