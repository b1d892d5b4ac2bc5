"""Fixtures that several test modules share."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from filelock import FileLock

from tests.installed import Installed, install_wheel

pytest_plugins = ["tests.services"]

ROOT = Path(__file__).resolve().parents[1]
LONG = "GROUNDCAST_TEST_LONG" in os.environ  # what takes long is done at full length
TINY_CLIP = str(Path(__file__).with_name("tiny_clip.json"))
APART = {"demo", "installed", "redis_server", "qdrant_server", "postgres_cluster", "s3_server"}
"""Fixtures that `--quick` goes without: the demonstration, the wheel, services."""
SLOW = {  # modules that it goes without: they take more seconds of the processor than the rest has together
    *("test_app", "test_browser", "test_bundled", "test_captions", "test_captions_app", "test_cli", "test_crash"),
    *("test_crops", "test_demo", "test_deploy", "test_edge_index", "test_embedder", "test_experiments", "test_extras"),
    *("test_gazetteer", "test_ground", "test_home", "test_index", "test_notebook"),
    *("test_pairs", "test_panels", "test_pipeline", "test_place_area"),
    *("test_raster_source", "test_sandbox_overhead", "test_sandbox_pairs", "test_sandbox_world"),
    *("test_served", "test_served_workers", "test_server", "test_train", "test_upgrade", "test_watching", "test_wheel"),
    "test_workers",
}


PLANET = {"test_sandbox_world", "test_sandbox_overhead", "test_sandbox_pairs", "test_panels", "test_pairs"}
"""Modules that one process runs, for each process makes the planet's islands anew."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make quick` asks for it."""
    parser.addoption("--quick", action="store_true", help="only what needs no service, browser or demonstration")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A quick run does not even import the modules that it leaves out."""
    return True if config.getoption("quick") and collection_path.stem in SLOW else None


@pytest.hookimpl(optionalhook=True)  # of xdist, which a run in one process goes without
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A module is run by one process, and those of the planet by the same."""
    from xdist.scheduler import LoadFileScheduling

    class ByModule(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "planet" if Path(path).stem in PLANET else path

    return ByModule(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The demonstration is made first, beside it the longest files run; who waits for it comes last, browsers ahead."""
    if config.getoption("quick"):
        apart = [item for item in items if APART.intersection(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
    waiting = {item.path.stem for item in items if "demo" in getattr(item, "fixturenames", ())}
    # the second three follow the first three: who waits for the demonstration longest comes right behind it
    first = ["test_demo", "test_served_workers", "test_train", "test_browser", "test_crash", "test_sandbox_pairs"]
    rank = {stem: place for place, stem in enumerate(first)}

    def turn(item: pytest.Item) -> tuple[int, bool, bool, str]:
        stem = item.path.stem
        return rank.get(stem, len(first)), stem in waiting, stem in waiting and stem != "test_browser", stem

    items.sort(key=turn)


@pytest.fixture(scope="session", autouse=True)
def places_folder() -> Iterator[Path]:
    """Where all homes of a test run find the world's places: made by the first that asks, and kept for the next run."""
    folder = ROOT / ".places"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROUNDCAST_PLACES", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves its script as ``__main__``, which a process that is started later would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def no_export_of_text_towers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes three seconds, and many tests add a model: within this process texts go on in torch."""
    if request.module.__name__.rpartition(".")[2] != "test_text_tower":
        from trainer.embedder import Embedder

        monkeypatch.setattr(Embedder, "_exported", lambda _: None)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real imagery and photos beside the project; tests that need it are skipped without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real imagery is not here: {folder} is missing")
    return folder


def make_raster(
    path: Path, *, width: int, height: int, fill: int | None = None, nodata: int | None = None, east: float = 0.0
) -> Path:
    """A GeoTIFF of 0.5 m pixels near Banepa, with structure at every scale, so that no two tiles look alike.

    Args:
        path: File to write.
        width: Pixels.
        height: Pixels.
        fill: One value everywhere instead of structure.
        nodata: Declared value of no data.
        east: Metres by which it lies further east.
    """
    random = np.random.default_rng(0)
    blocks = random.integers(0, 200, (3, height // 10 + 1, width // 10 + 1), dtype=np.uint8)
    image = np.repeat(np.repeat(blocks, 10, axis=1), 10, axis=2)[:, :height, :width]
    image = image + random.integers(0, 50, image.shape, dtype=np.uint8)
    if fill is not None:
        image[:] = fill
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8", "nodata": nodata}
    transform = Affine(0.5, 0, 350_000 + east, 0, -0.5, 3_057_000)
    with rasterio.open(
        path, "w", crs="EPSG:32645", transform=transform, photometric="RGB", tiled=True, **profile
    ) as raster:
        raster.write(image)
    return path


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Groundcast = Callable[..., Ran]


@pytest.fixture
def groundcast(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Groundcast:
    """Runs the command line in this process, with a home folder of its own."""
    monkeypatch.setenv("GROUNDCAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GROUNDCAST_PRECISION", "float32")  # no measuring in tests

    def run(*arguments: object) -> Ran:
        from search_ui.cli import main

        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


CHECKOUT = (sys.executable, "-m", "search_ui.cli")


def start_groundcast(
    home: Path, *arguments: object, program: Sequence[object] = CHECKOUT, **options: Any
) -> subprocess.Popen[str]:
    """Starts the command line in a process of its own."""
    environment = os.environ | {"GROUNDCAST_HOME": str(home), "GROUNDCAST_PRECISION": "float32"}
    environment.pop("PYTHONPATH", None)  # the wheel is run without the checkout
    command = [str(part) for part in (*program, *arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT} | options
    # a test run in the background ignores Ctrl-C, and would hand that down
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, env=environment, preexec_fn=heed, **pipes)  # noqa: PLW1509 - no thread forks here


@dataclass(frozen=True)
class Demo:
    """What `groundcast demo` made: its home, with the collection and the gallery `demo`, and its JSON."""

    home: Path
    printed: Any


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all the processes of this test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def installed(together: Path) -> Installed:
    """The built wheel in an environment of its own."""
    with FileLock(together / "installed.lock"):
        return install_wheel(together / "installed")


@pytest.fixture(scope="session")
def demo(together: Path, installed: Installed) -> Demo:
    """The demonstration, run once, by the installed wheel; tests that change its home copy it first.

    GROUNDCAST_TEST_DEMO may name a home in which it has been run already, which saves its minute.
    """
    home = Path(os.environ.get("GROUNDCAST_TEST_DEMO", together / "demo"))
    printed = together / "demo.json"
    with FileLock(together / "demo.lock"):
        if not printed.exists():
            elsewhere = together / "elsewhere"
            elsewhere.mkdir(exist_ok=True)
            process = start_groundcast(home, "demo", "--json", program=(installed.command,), cwd=elsewhere)
            out, err = process.communicate()
            assert process.returncode == 0, err
            printed.write_text(out, "utf-8")
    return Demo(home, json.loads(printed.read_text("utf-8")))


@pytest.fixture(scope="session")
def small_home(together: Path) -> Path:
    """The home of `tests.small_home`, with the collection and the gallery `demo`; tests that change it copy it."""
    from tests.small_home import make_home

    folder = together / "small"
    with FileLock(together / "small.lock"):
        if not (folder / "done").exists():
            make_home(folder, "demo", "demo")
            (folder / "done").touch()
    return folder / "home"
