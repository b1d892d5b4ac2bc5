"""Give a trained model the moment anew: how it sees tiles stays to the bit, e and M are fitted to panels, closed form.

Minutes instead of hours, and vectors of tiles that were stored stay valid, for O does not change. How photos are
compared is learned anew as well, for S is another (`photo_projection`); what is usual among its tiles and what reads
other languages for it lie beside the new model too, for O and texts stay. Where a teacher was taught further, its
ground tower takes the place of the model's, for S has to lie where that one sees photos. Nothing here knows how it is
fitted (`moments`), or what panels look like (`panels`).
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch

from trainer.beside import file_beside, write_beside
from trainer.checkpoint import Meta, read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoder import Form
from trainer.errors import UsageError
from trainer.model import DynamicEncoder
from trainer.neutral_prompts import BANK
from trainer.novelty import FILE as NOVELTY
from trainer.texts.adapter import FILE as LANGUAGES
from trainer.towers import TEXT_FILES
from trainer.training.moments import Ridge
from trainer.training.panels import panels_of
from trainer.training.photo_projection import learn_photo_projection
from trainer.training.refit import fit_moments

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]

ENCODING = "seasonal"
FORM = Form(hidden=64, activation="linear", interaction="full", rank=64)


def refit_moments(
    model: Path,
    panels: Path,
    out: Path,
    *,
    teacher: Path | None = None,
    form: Form = FORM,
    ridge: Ridge | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Meta:
    """Write a checkpoint with the towers of a model and moments fitted to panels, and how it compares photos.

    Args:
        model: A checkpoint folder; whatever encoder it has is left behind.
        panels: See `trainer.training.panels`; its photos are embedded by the ground tower.
        out: The folder to write; must not exist.
        teacher: A checkpoint folder whose ground tower the new model has; None: that of `model`.
        form: Of the new encoder; its activation is `linear`.
        ridge: What keeps the fit from learning noise.
        device: Where towers run; None: a GPU if there is one.
        progress: Called with photos embedded, and how many there are.

    Raises:
        UsageError: `out` exists, or the teacher's text tower is not the model's.
        CheckpointError: The model or the teacher cannot be read, or `out` not written.
        SourceError: The panels cannot be read.
        SettingsError: The form does not fit.
    """
    if out.exists():  # before the slow part
        raise UsageError(f"{out} exists: choose another name, or remove it first")
    meta, tensors = read_meta(model), read_tensors(model)
    if teacher is not None:
        meta, tensors = _with_ground(meta, tensors, teacher)
    eyes = Embedder.load(teacher or model, precision="float32", device=device)
    found = panels_of(panels, eyes, progress)
    above = Embedder.load(model, precision="float32", device=device)
    seen = found.seen(ENCODING, meta.overhead_input, above.embed_prepared)
    encoder = DynamicEncoder(ENCODING, meta.dim, form)
    fit_moments(encoder, seen, above.embed_texts(BANK), ridge)
    tensors = {k: v for k, v in tensors.items() if not k.startswith("encoder.")}
    tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    files = model / TEXT_FILES
    described = replace(
        meta,
        encoding=ENCODING,
        **asdict(form),
        metrics={},  # those of the model before are none of its own
        data_card={**meta.data_card, "panels": found.card},
        origin={**meta.origin, "moments_of": meta.model_id} | ({"eyes": eyes.model_id} if teacher else {}),
    )
    written = write_checkpoint(out, described, tensors, text_files=files if files.is_dir() else None)
    for name in (NOVELTY, LANGUAGES):  # of O and of texts, which stay
        path = file_beside(model, meta.model_id, name)
        if path is not None:
            write_beside(out, name, path.read_bytes())
    learn_photo_projection(out, found, device=device)
    return written


def _with_ground(meta: Meta, tensors: Tensors, teacher: Path) -> tuple[Meta, Tensors]:
    """A model whose ground tower is a teacher's."""
    theirs, text = read_meta(teacher), f"{meta.text.stored_as}."
    known = {k.removeprefix(text): v for k, v in tensors.items() if k.startswith(text)}
    read = read_tensors(teacher, f"{theirs.text.stored_as}.")
    if read.keys() != known.keys() or not all(torch.equal(v, known[k]) for k, v in read.items()):
        raise UsageError(
            f"teacher {teacher} has another text tower than the model, so no text would find its photos and the tiles "
            "alike: give one that was taught with the same texts, as `groundcast train teacher-dark init=MODEL` does"
        )
    ground = {f"ground.{k}": v for k, v in read_tensors(teacher, f"{theirs.ground.stored_as}.").items()}
    kept = {k: v for k, v in tensors.items() if not k.startswith("ground.")} | ground
    return replace(meta, ground=replace(theirs.ground, stored_as="ground"), ground_input=theirs.ground_input), kept
