"""What one would see at a place, in words: a tile and moments in, a caption of each out.

A caption comes of S at a place and moment: by the model's captioner where it has one, else the nearest phrase of a
bank. Its cosine is that of its text, as the model embeds it, with S. It knows neither the screen nor the command line.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ingest.catalog.catalog import Collection
from ingest.catalog.foreign import require_model
from search_ui.ground.retrieval import row_of
from search_ui.ground.view import check_where
from search_ui.search.ranking import SCORE_DIGITS
from search_ui.search.series import this_year
from search_ui.search.vectors import Floats
from trainer.captioning.daytime import Slot, slot
from trainer.captioning.folder import captioner_of
from trainer.captioning.phrases import PhraseBank, read_phrases
from trainer.encoding import MonthHour, When
from trainer.errors import UsageError

if TYPE_CHECKING:
    from search_ui.search.engine import Engine
    from trainer.captioning.captions import Captioner

Method = Literal["captioner", "phrases"]
MOST_MOMENTS = 400  # in one answer
_SPEAKS_BY = ("torch", "transformers")  # packages of a captioner's network
_INSTALL = "pip install 'groundcast[demo]'"


@dataclass(frozen=True, kw_only=True)
class CaptionQuery:
    """What is asked: a tile, by its id or by a place in it, and moments.

    Args:
        tile_id: Id of the tile; None: `place` says which.
        place: Latitude and longitude in degrees, anywhere in the tile; None: `tile_id` says which.
        whens: Wall-clock times at the place; None among them: at any time.
        phrases: Answer with the nearest phrases, whether the model has a captioner or not.

    Raises:
        UsageError: Neither or both of tile and place are given, or there are no moments or too many.
        AreaError: The place is not on the globe.
    """

    tile_id: str | None = None
    place: tuple[float, float] | None = None
    whens: tuple[When, ...] = (None,)
    phrases: bool = False

    def __post_init__(self) -> None:
        check_where(self.tile_id, self.place)
        if not 1 <= len(self.whens) <= MOST_MOMENTS:
            raise UsageError(f"{len(self.whens)} moments: ask for 1 to {MOST_MOMENTS} at once")
        for when in self.whens:
            if isinstance(when, datetime | time) and when.tzinfo is not None:
                raise UsageError(f"moment {when.isoformat()} has a time zone: give the wall-clock time at the place")


@dataclass(frozen=True)
class Said:
    """A caption of a moment.

    Attributes:
        when: The moment as the model could use it.
        text: The caption, one sentence.
        cosine: Of its text's vector with S, −1..1.
    """

    when: When
    text: str
    cosine: float

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return vars(self) | {"when": None if self.when is None else self.when.isoformat()}


@dataclass(frozen=True, kw_only=True)
class CaptionView:
    """The captions of a tile.

    Attributes:
        tile_id: Id of the tile that the captions are of.
        lat: Of the tile's middle, degrees north.
        lon: Of its middle, degrees east.
        model_id: The model that made the tile's vector.
        method: How they were found: by the model's `captioner`, or as nearest `phrases` of a bank.
        attribution: Whom to credit for the imagery.
        captions: In the order of the moments asked about.
        note: What a person should read beside them.
    """

    tile_id: str
    lat: float
    lon: float
    collection: str
    model_id: str
    method: Method
    attribution: str | None
    captions: Sequence[Said]
    note: str | None

    def as_dict(self) -> dict[str, Any]:
        """Say the answer in JSON types."""
        return vars(self) | {"captions": [said.as_dict() for said in self.captions]}

    def to_json(self) -> str:
        """Say the answer as one JSON document in ASCII."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)


@dataclass
class Captions:
    """Captions for the collections of one engine; captioners and banks stay loaded between questions.

    Attributes:
        engine: It has the fields and the models.
        captioner: A captioner's folder in place of each model's own; None: its own.
        bank: A file of phrases in place of the usual ones; None: those.
    """

    engine: "Engine"
    captioner: Path | None = None
    bank: Path | None = None
    _captioners: dict[str, "Captioner | None"] = field(default_factory=dict)
    _banks: dict[str, PhraseBank] = field(default_factory=dict)
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def say(self, collection_name: str, query: CaptionQuery) -> CaptionView:
        """A caption of a tile at each moment.

        Args:
            collection_name: Name of a collection of tiles, as people give it.

        Raises:
            MissingError: No such collection or tile.
            UsageError: The place is in no tile.
            CheckpointError: The captioner is broken.
            ModelMismatchError: It belongs to another model.
        """
        tiles = self.engine.collection(collection_name)
        if tiles.kind != "tiles":
            raise UsageError(f"{tiles.name!r} is a gallery: --collection takes tiles")
        columns = self.engine.field(tiles)
        row = row_of(tiles, columns, query.tile_id, query.place)
        lat, lon = float(columns.lat[row]), float(columns.lon[row])
        asked = [self.engine.moment(tiles, when) for when in query.whens]
        whens, notes = [when for when, _ in asked], {note for _, note in asked if note}
        notes |= {told for told in [self.engine.caution(tiles)] if told}
        # S unnormalised: a captioner learnt from vectors with their length
        vectors = np.stack([columns.predicted(np.array([row]), when=when)[0] for when in whens])  # [moments, d]
        # the moment is known, so neither way need guess it: only what is there is looked for
        slots = [slot(when, lat=lat, lon=lon) for when in whens]
        captioner = None if query.phrases else self._captioner(tiles)
        if captioner is None:
            if not query.phrases:
                notes.add(f"{self._why_silent(tiles)}: these are the nearest phrases of a bank")
            texts, cosines = self._phrases(tiles, vectors, slots)
        else:
            texts, cosines = self._captions(tiles, captioner, vectors, slots)
        pairs = zip(whens, texts, cosines, strict=True)
        return CaptionView(
            tile_id=columns.ids(np.array([row]))[0],
            lat=lat,
            lon=lon,
            collection=collection_name,
            model_id=tiles.model_id,
            method="phrases" if captioner is None else "captioner",
            attribution=tiles.spec.get("attribution"),
            captions=[Said(when, text, round(cosine, SCORE_DIGITS)) for when, text, cosine in pairs],
            note="; ".join(sorted(notes)) or None,
        )

    def has_captioner(self, tiles: Collection) -> bool:
        """Whether a collection's model speaks here, so that a caption takes no bank of phrases; it is not loaded."""
        return self._folder(tiles) is not None and not _lacking()

    def _folder(self, tiles: Collection) -> Path | None:
        """The captioner of a collection's model, the one asked for before its own."""
        if self.captioner is not None:
            return self.captioner
        require_model(self.engine.catalog, tiles)
        model = self.engine.catalog.model(model_id=tiles.model_id)
        return captioner_of(self.engine.settings.models_dir / model.name, model.model_id)

    def _captioner(self, tiles: Collection) -> "Captioner | None":
        """The captioner of a collection's model, loaded once; None where there is none, or nothing it runs by."""
        # held while it loads: two threads would load the same network
        with self._loading:
            if tiles.model_id not in self._captioners:
                folder, lacking = self._folder(tiles), _lacking()
                if lacking and self.captioner is not None:
                    raise UsageError(f"captioner {folder} needs {lacking}, which is not installed: {_INSTALL}")
                found = None
                if folder is not None and not lacking:
                    # here: torch is needed by those alone who let a model speak
                    from trainer.captioning.captions import load_captioner

                    found = load_captioner(folder, model_id=tiles.model_id)
                # None is kept as well: a model without a captioner is not looked for in every question
                self._captioners[tiles.model_id] = found
            return self._captioners[tiles.model_id]

    def _why_silent(self, tiles: Collection) -> str:
        if self._folder(tiles) is None:
            return "this model has no captioner"
        return f"this model's captioner needs {_lacking()}, which is not installed ({_INSTALL})"

    def _captions(
        self, tiles: Collection, captioner: "Captioner", vectors: Floats, slots: Sequence[Slot]
    ) -> tuple[list[str], list[float]]:
        """What the captioner says at each moment; of its sentences the nearest."""
        from trainer.captioning.captions import nearest

        # a model that knows no time gives one vector at every moment, and a beam search is what takes time
        keys = [(vector.tobytes(), known) for vector, known in zip(vectors, slots, strict=True)]
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        rows = sorted(first.values())
        candidates = captioner.candidates(vectors[rows], slots=[slots[row] for row in rows])
        found = dict(
            zip(rows, nearest(candidates, vectors[rows], lambda texts: self.engine.texts(tiles, texts)), strict=True)
        )
        said = [found[first[key]] for key in keys]
        return [text for text, _ in said], [cosine for _, cosine in said]

    def _phrases(self, tiles: Collection, vectors: Floats, slots: Sequence[Slot]) -> tuple[list[str], list[float]]:
        """The nearest phrase at each moment, of those that name its season and part of the day."""
        with self._loading:
            if tiles.model_id not in self._banks:
                scenes = None if self.bank is None else read_phrases(self.bank)
                self._banks[tiles.model_id] = PhraseBank(lambda texts: self.engine.texts(tiles, texts), scenes)
            bank = self._banks[tiles.model_id]
        found = []
        for s, known in zip(vectors, slots, strict=True):
            found += bank.captions_at(s[np.newaxis], known)
        return [one.text for one in found], [one.cosine for one in found]


def _lacking() -> str | None:
    """The first package that a captioner runs by and that is not installed; None: all are."""
    return next((name for name in _SPEAKS_BY if find_spec(name) is None), None)


def usual_moments(year: int | None = None) -> tuple[MonthHour, ...]:
    """The middle of each season's second month at 8, 13, 18 and 23 h: what a list of captions over a year names."""
    year = year or this_year()
    return tuple(MonthHour.of(year, month, hour) for month in (1, 4, 7, 10) for hour in (8, 13, 18, 23))
