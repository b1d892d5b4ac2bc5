"""Files beside a checkpoint's weights that are no part of its `model_id`; of bundled models the package has them.

It does not know what is in them.
"""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from trainer.checkpoint import EXPORTED, META
from trainer.errors import CheckpointError
from trainer.sums import write_sums


def file_beside(checkpoint: Path, model_id: str, name: str) -> Path | None:
    """The file of that name beside a checkpoint, else what the package has for that model; None where there is none."""
    own = checkpoint / name
    if own.is_file():
        return own
    bundled = _bundled().get(model_id)  # a model that was added by an older version
    return bundled / name if bundled is not None and (bundled / name).is_file() else None


def write_beside(checkpoint: Path, name: str, content: bytes) -> None:
    """Write a file beside a checkpoint, whole or not at all, and the checksums anew.

    Raises:
        CheckpointError: The disk refuses.
    """
    part = checkpoint / f".{name}.part"
    try:
        part.write_bytes(content)
        part.replace(checkpoint / name)
        write_sums(checkpoint, but=EXPORTED)
    except OSError as error:
        raise CheckpointError(f"checkpoint {checkpoint}: {name} cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)


@cache
def _bundled() -> dict[str, Path]:
    """Folders of the package's models by their `model_id`."""
    folders = (path.parent for path in (Path(str(files("trainer"))) / "bundle").glob(f"*/{META}"))
    return {json.loads((folder / META).read_text("utf-8"))["model_id"]: folder for folder in folders}
