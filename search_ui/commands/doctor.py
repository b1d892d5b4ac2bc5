"""`groundcast doctor`: is this installation sound, and what is missing?"""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.door import Door, json_option, pass_door, print_json

if TYPE_CHECKING:
    from ingest.settings import Settings

PACKAGES = ("trainer", "ingest", "workers", "search_ui")
LIBRARIES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "rasterio",
    "pyarrow",
    "sqlalchemy",
    "qdrant-edge-py",
    "qdrant-client",
)
LOW_DISK = 2 * 1024**3


@dataclass(frozen=True)
class Check:
    """One thing looked at; `mend` says what to do where it is not `ok`."""

    name: str
    ok: bool
    found: str
    mend: str | None = None


@click.command(short_help="Is this installation sound?")
@json_option
@pass_door
def command(door: Door, as_json: bool) -> None:
    """Check packages, versions, home folder, catalog, models and index. Exit code 1 where something is wrong."""
    checks = list(_checks(door))
    if as_json:
        print_json({"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            click.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name:18} {check.found}")
            if not check.ok and check.mend:
                click.echo(f"     {'':18} → {check.mend}")
    if not all(check.ok for check in checks):
        raise SystemExit(1)


def _checks(door: Door) -> Iterator[Check]:
    version = platform.python_version()
    yield Check("python", sys.version_info >= (3, 11), version, "groundcast needs Python 3.11 or newer")
    for package in PACKAGES:
        yield _check_package(package)
    for library in LIBRARIES:
        yield _check_library(library)
    yield _check_torch()
    yield from _check_home(door)


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


def _check_home(door: Door) -> Iterator[Check]:
    from trainer.errors import GroundcastError

    try:
        settings = door.settings
    except GroundcastError as error:
        yield Check("settings", False, str(error), "mend the setting")
        return
    yield Check("settings", True, f"home {settings.home}")
    try:
        collections, models = door.catalog.collections(), door.catalog.models()
    except (GroundcastError, OSError) as error:
        yield Check("catalog", False, str(error), "mend or remove that file; `groundcast verify` compares what is left")
        return
    yield Check("catalog", True, f"{len(models)} models, {len(collections)} collections")
    for model in models:
        yield _check_model(settings.models_dir / model.name, model.name, model.model_id)
    free = shutil.disk_usage(settings.home).free
    yield Check(
        "disk", free > LOW_DISK, f"{free / 1024**3:.1f} GiB free", "free space: parts and index are written here"
    )
    yield _check_index(settings)


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


def _check_index(settings: "Settings") -> Check:
    if settings.qdrant_url is None:
        return Check("index", True, "embedded (Qdrant Edge)")
    from ingest.indexing import connect

    try:
        client = connect(settings)
        info = client.info()
        client.close()
    except Exception as error:  # noqa: BLE001 - whatever the client throws, the answer is the same
        return Check(
            "index", False, f"{settings.qdrant_url}: {error}", "start the Qdrant server, or unset GROUNDCAST_QDRANT_URL"
        )
    return Check("index", True, f"Qdrant {info.version} at {settings.qdrant_url}")
