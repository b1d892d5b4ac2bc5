"""groundcast as a user has it: the built wheel in an environment of its own, outside the checkout.

The libraries are those that the tests themselves run with, since another copy would take minutes and gigabytes;
groundcast is not among what is borrowed.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("trainer", "ingest", "workers", "search_ui", "groundcast")
BUILT_FROM = (*PACKAGES, "pyproject.toml", "setup.py", "README.md", "LICENSE")
LIBRARY = Path("search_ui/components/maplibre")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it.

    Attributes:
        wheel: The file that was built and installed.
        venv: The environment's folder.
    """

    wheel: Path
    venv: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def command(self) -> Path:
        return self.venv / "bin" / "groundcast"


def sources() -> list[str]:
    """Every file of the checkout that groundcast is built from, those that git ignores left out but MapLibre's."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *BUILT_FROM]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    library = [str(LIBRARY / path.name) for path in (ROOT / LIBRARY).iterdir()]
    return [name for name in [*names, *library] if (ROOT / name).is_file()]


def install_wheel(folder: Path) -> Installed:
    """Builds the wheel and installs it below a folder; what lies there already is used again."""
    venv = folder / "venv"
    if not (folder / "done").exists():
        for name in sources():
            copy = folder / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, folder / "source"]
        _run(*pip, *build)
        _run(sys.executable, "-m", "venv", "--without-pip", venv)
        (wheel,) = folder.glob("groundcast-*.whl")
        _run(*pip, "--python", venv / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
        (packages,) = venv.glob("lib/python*/site-packages")
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
        (folder / "done").touch()
    (wheel,) = folder.glob("groundcast-*.whl")
    return Installed(wheel, venv)


def _run(*command: object) -> None:
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # no checkout is found by it
    ran = subprocess.run([str(part) for part in command], cwd="/", env=alone, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
