"""What turns vectors into captions in the experiments: the model's captioner if there is one, and the phrase bank.

Nothing here measures anything.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.captioning.captions import Captioner, load_captioner
from trainer.captioning.folder import captioner_of
from trainer.captioning.phrases import PhraseBank
from trainer.embedder import Embedder
from trainer.errors import GroundcastError
from trainer.measures.metrics import Vectors


@dataclass(frozen=True)
class Sayer:
    """One way to caption.

    Attributes:
        name: What the tables call it: `captioner` or `nearest phrase`.
        say: S, [n, d], unnormalised → n captions, which name season and part of the day if they come with a moment.
    """

    name: str
    say: Callable[[Vectors, bool], list[str]]


def sayers(embedder: Embedder, folder: Path | None) -> list[Sayer]:
    """The captioner of a folder, if there is one, and the phrase bank; the better one first.

    Raises:
        CheckpointError: The folder is no captioner.
        ModelMismatchError: It belongs to another model.
    """
    found = []
    if folder is not None:
        captioner: Captioner = load_captioner(folder, model_id=embedder.model_id)
        found.append(Sayer("captioner", lambda s, timed: captioner.captions(s, embedder.embed_texts)))  # noqa: ARG005 - S says it
    bank = PhraseBank(embedder.embed_texts)

    def nearest(s: Vectors, timed: bool) -> list[str]:
        return [caption.text for caption in bank.captions(s, season=timed, part=timed)]

    return [*found, Sayer("nearest phrase", nearest)]


def captioner_folder(checkpoint: Path, embedder: Embedder, asked: Path | None) -> Path | None:
    """The captioner asked for, else that of the model, else None."""
    return asked if asked is not None else captioner_of(checkpoint, embedder.model_id)


def identity(folder: Path | None) -> str:
    """A hash of a captioner's files; `phrases` where there is none.

    Raises:
        GroundcastError: They cannot be read.
    """
    if folder is None:
        return "phrases"
    digest = hashlib.sha256()
    try:
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
    except OSError as error:
        raise GroundcastError(f"captioner {folder} cannot be read: {error.strerror}") from error
    return digest.hexdigest()[:16]
