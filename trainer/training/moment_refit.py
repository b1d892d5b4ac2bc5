"""Give a trained model the moment anew: its towers stay to the bit, e and M are fitted to panels in closed form.

Minutes instead of hours, and vectors that were stored stay valid, for O does not change. Nothing here knows how it is
fitted (`moments`), or what panels look like (`panels`).
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from trainer.checkpoint import Meta, read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.model import DynamicEncoder, Form
from trainer.neutral_prompts import BANK
from trainer.towers import TEXT_FILES
from trainer.training.moments import Ridge
from trainer.training.panels import panels_of
from trainer.training.refit import fit_moments

logger = logging.getLogger(__name__)

ENCODING = "seasonal"
FORM = Form(hidden=64, activation="linear", interaction="full", rank=64)


def refit_moments(
    model: Path,
    panels: Path,
    out: Path,
    *,
    form: Form = FORM,
    ridge: Ridge | None = None,
    cache: Path | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Meta:
    """Write a checkpoint with the towers of a model and moments fitted to panels.

    Args:
        model: A checkpoint folder; whatever encoder it has is left behind.
        panels: See `trainer.training.panels`; its photos are embedded by the model's ground tower.
        out: The folder to write; must not exist.
        form: Of the new encoder; its activation is `linear`.
        ridge: What keeps the fit from learning noise.
        cache: Where the photos' embeddings are kept; None: beside them.
        device: Where towers run; None: a GPU if there is one.
        progress: Called with photos embedded, and how many there are.

    Raises:
        UsageError: `out` exists.
        CheckpointError: The model cannot be read, or `out` not written.
        SourceError: The panels cannot be read.
        SettingsError: The form does not fit.
    """
    if out.exists():  # before the slow part
        raise UsageError(f"{out} exists: choose another name, or remove it first")
    meta, teacher = read_meta(model), Embedder.load(model, precision="float32", device=device)
    found = panels_of(panels, teacher, cache, progress)
    seen = found.seen(ENCODING, meta.overhead_input, teacher.embed_prepared)
    encoder = DynamicEncoder(ENCODING, meta.dim, form)
    fit_moments(encoder, seen, teacher.embed_texts(BANK), ridge)
    tensors = {k: v for k, v in read_tensors(model).items() if not k.startswith("encoder.")}
    tensors |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    files = model / TEXT_FILES
    described = replace(
        meta,
        encoding=ENCODING,
        **asdict(form),
        data_card={**meta.data_card, "panels": found.card},
        origin={**meta.origin, "moments_of": meta.model_id},
    )
    return write_checkpoint(out, described, tensors, text_files=files if files.is_dir() else None)
