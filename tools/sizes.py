"""How large is an installation? The plain one, and what each extra adds to it.

Sizes are blocks on disk of the distributions that each asks for, directly or through others, as they lie in the
environment that this runs in, the compiled files that pip makes included. CUDA's packages are nvidia-*, cuda-* and
triton; a torch for the CPU has none of them, nor the libraries of its own that only a GPU needs.

    python -m tools.sizes [--json]
"""

import argparse
import json
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("places", "labels", "towers", "ingest", "demo", "train", "served", "films", "login", "test", "bench", "dev")


def asked_for(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """All distributions that one asks for, itself included, under their canonical names.

    Raises:
        PackageNotFoundError: One of them is not installed here.
    """
    found: set[str] = set()
    waiting, seen = [(canonicalize_name(name), extras)], set()
    while waiting:
        asking = waiting.pop()
        if asking in seen:
            continue
        seen.add(asking)
        found.add(asking[0])
        for requirement in map(Requirement, distribution(asking[0]).requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *asking[1])):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def sizes(name: str) -> tuple[int, int, int]:
    """Bytes of a distribution: all; without packages of CUDA; and without torch's own libraries for it as well."""
    files = distribution(name).files or []
    if name.startswith(("nvidia-", "cuda-")) or name == "triton":
        return _size(files), 0, 0
    own = [file for file in files if name == "torch" and _is_cuda(file)]
    return _size(files), _size(files), _size(files) - _size(own)


def _is_cuda(file: PackagePath) -> bool:
    return file.suffix == ".so" and ("cuda" in file.name or "nvshmem" in file.name)


def _size(files: list[PackagePath]) -> int:
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.lstat().st_blocks * 512 for path in paths if path.is_file())


def row(what: str, names: set[str]) -> dict[str, Any]:
    """One line of the table."""
    found = {name: sizes(name) for name in names}
    whole, without, for_cpu = (round(sum(column) / 1e9, 3) for column in zip(*found.values(), strict=True))
    largest = sorted(names, key=lambda name: found[name][2], reverse=True)[:4]
    return {
        "installation": what,
        "packages": len(names),
        "GB": whole,
        "GB without CUDA's packages": without,
        "GB with a torch for the CPU": for_cpu,
        "largest, MB": ", ".join(f"{name} {found[name][2] / 1e6:.0f}" for name in largest),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    plain = asked_for("groundcast")
    rows, lacking = [row("plain", plain)], []
    for extra in EXTRAS:
        try:
            rows.append(row(f"+ [{extra}]", asked_for("groundcast", frozenset({extra})) - plain))
        except PackageNotFoundError as error:
            lacking.append(f"{extra} ({error.name})")
    setting = {"not installed here": lacking} if lacking else {}
    if asked.json:
        print(json.dumps({"benchmark": "sizes", "setting": setting, "rows": rows, "ratios": {}}))
        return
    for one in rows:
        print(*one.values(), sep="\t")


if __name__ == "__main__":
    main()
