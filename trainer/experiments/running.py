"""Runs experiments, each once for the same model, data, questions, settings and code; and says which were left out.

Nothing here knows what they measure.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from trainer.checkpoint import read_meta
from trainer.errors import UsageError
from trainer.experiments.catalogue import Experiment
from trainer.experiments.finding import Stored, read, write
from trainer.experiments.material import LAND_COVER, Material
from trainer.photo_projection import read_projection
from trainer.shards.tars import Shards


@dataclass(frozen=True)
class Ran:
    """What became of an experiment.

    Attributes:
        experiment: The experiment that was to be run.
        folder: Its own folder, with tables, pictures and JSON.
        stored: What it found; None: it was left out.
        why_not: Why it was left out; else empty.
        again: Whether it was found done before, with the same inputs.
    """

    experiment: Experiment
    folder: Path
    stored: Stored | None
    why_not: str = ""
    again: bool = False


def run(experiment: Experiment, material: Material, folder: Path) -> Ran:
    """Run an experiment, unless the folder has it of the same inputs.

    Raises:
        UsageError: The model, the data or the questions do not serve for it.
        GroundcastError: The disk refuses, or data cannot be read.
    """
    inputs = _inputs(experiment, material)
    before = read(folder)
    # the pictures are looked for as well: somebody may have removed one
    if before is not None and before.inputs == inputs and _whole(folder, before):
        return Ran(experiment, folder, before, again=True)
    started = time.perf_counter()
    finding = experiment.run(material, folder)
    stored = Stored(finding, inputs, round(time.perf_counter() - started, 1))
    write(folder, stored)
    return Ran(experiment, folder, stored)


def run_all(
    experiments: Iterable[Experiment], material: Material, folder: Path, *, tell: Callable[[str], object]
) -> Iterator[Ran]:
    """Run experiments one after the other, each in a folder of its name; what cannot be asked is left out.

    Args:
        experiments: The experiments to run, in this order.
        material: The model and the data that they are run on.
        folder: Folder in which each gets one of its name.
        tell: Called with a line before each.
    """
    for one in experiments:
        tell(f"{one.name} ({one.paper}): {one.short}")
        try:
            yield run(one, material, folder / one.name)
        # data that do not serve for one experiment serve for others; a full disk or broken data ends the run
        except UsageError as error:
            yield Ran(one, folder / one.name, None, why_not=str(error))


def _whole(folder: Path, stored: Stored) -> bool:
    return all((folder / picture.file).exists() for picture in stored.finding.pictures)


def _inputs(experiment: Experiment, material: Material) -> dict[str, str]:
    """What an experiment's outcome depends on."""
    options = material.options
    found = {
        "model": f"{material.name} {material.embedder.model_id}",
        "photos": ", ".join(_compared(folder) for folder in material.models.values()),
        "questions": _hash(json.dumps(asdict(material.questions), default=str, sort_keys=True).encode()),
        "settings": f"gallery {options.gallery}, draws {options.draws}, seed {options.seed}, {options.precision}",
        "code": _code(),
    }
    if "beside" in experiment.needs:
        found["beside"] = ", ".join(f"{name} {identity}" for name, identity in material.identities.items())
    if "captioner" in experiment.needs:
        found["captioner"] = material.captioner_id
    for part in ("pairs", "tiles", "city"):
        if part in experiment.needs:
            folder = material.pairs_folder if part == "pairs" else material.part_folder(part)
            found[part] = Shards(folder, needs=("overhead",)).fingerprint
            if part != "pairs":
                found[f"truth of {part}"] = _hash_file(material.truth_path(part))
    if "land_cover" in experiment.needs and (material.data / LAND_COVER).exists():
        found["land cover"] = _hash_file(material.data / LAND_COVER)
    return found


def _compared(checkpoint: Path) -> str:
    """How a model compares photos, which its id does not say."""
    meta = read_meta(checkpoint)
    projection = read_projection(checkpoint, meta.model_id, meta.dim)
    return "as they are" if projection is None else _hash(projection.matrix.tobytes())


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the code that measures and draws."""
    here = Path(__file__).parent
    # whole files, so a comment makes all experiments run again: dear, and never wrong
    files = sorted([*here.rglob("*.py"), *(here.parent / "measures").glob("*.py")])
    return _hash(b"".join(path.read_bytes() for path in files))


def _hash_file(path: Path) -> str:
    try:
        return _hash(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"data have no {path.name}: this experiment needs {path}") from None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
