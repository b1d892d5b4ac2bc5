"""Sets of labels as the app, the routes and the command line work with them: kept, brought in and out, steering.

A set belongs to the name of a collection, whatever version stands behind it: the tile of a label is that of its id,
else the one at its place (`search_ui.labels.tiles`). It draws no page and knows no HTTP, nor what is learnt from a set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Collection
from ingest.catalog.labels import Label, LabelSet, LabelSets, Verdict
from ingest.field.scorer import ExactScorer
from ingest.index.protocol import Filter
from search_ui.labels.tables import LabelFile, read_labels, write_labels
from search_ui.labels.taking import Taken, take
from search_ui.labels.tiles import Sought, match
from search_ui.search.engine import Engine
from search_ui.search.feedback import MOST, Feedback
from search_ui.search.listings import one_request
from search_ui.search.moments import parse_moment
from search_ui.search.query import Query
from search_ui.search.recent import Recent
from search_ui.search.wording import asked_parts
from trainer.errors import MissingError, UploadError, UsageError

MOST_AT_ONCE = 5_000
"""Tiles that one box or polygon may label."""
_MOST_TEXTS, _MOST_CHARS = 20, 4_000  # of a question
_KEPT = 32

Rows = npt.NDArray[np.int64]


class Labelling:
    """The sets of labels of one home. May be used from several threads.

    Args:
        engine: Knows the tiles and their vectors.
        tiles: The collection of a name.
        picture: The file of an uploaded picture.
        require_writable: Raises where nothing may be changed.
        read: `search_ui.labels.tables.read_labels`, or the same elsewhere.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        tiles: Callable[[str], Collection],
        picture: Callable[[str], Path],
        require_writable: Callable[[], None],
        read: Callable[[bytes, str], LabelFile] = read_labels,
    ) -> None:
        self.engine = engine
        self.sets = LabelSets(engine.catalog)
        self._present_name = Aliases(engine.catalog).present_name
        self.tiles, self._picture, self._require_writable, self._read = tiles, picture, require_writable, read
        self._feedback: Recent[Feedback] = Recent(_KEPT)
        self._said: Recent[dict[str, Label]] = Recent(_KEPT)

    def request(self) -> Any:
        """See `search_ui.search.engine.Engine.request`."""
        return self.engine.request()

    # -- sets --------------------------------------------------------------------------------------------------------

    @one_request
    def create(
        self,
        name: str,
        collection: str,
        question: Mapping[str, Any],
        tiles: Mapping[str, Verdict] | None = None,
        by: str | None = None,
    ) -> LabelSet:
        """Make a set.

        Args:
            name: As a person calls it.
            collection: A collection of tiles.
            question: What it begins from, in the words of the HTTP routes (q, also, negative, image, photo, tile,
                ensemble, when); empty: nothing was asked.
            tiles: Its first labels, by the id of the tile.
            by: Who says so.

        Raises:
            ReadOnlyError: Nothing may be saved here.
            MissingError: No such collection, tile or picture.
            UsageError: The name is empty, too long or taken, or the question cannot be understood.
        """
        self._require_writable()
        found = self.tiles(collection)
        kept = self._checked(question)
        for kind in _PICTURES:
            if kind in kept:
                self._picture(kept[kind])
        if "tile" in kept:
            self._row(found, kept["tile"])
        labels = self._labels(found, tiles or {}, by)
        return self.sets.create(name, collection, kept, labels)

    @one_request
    def label(self, set_id: str, tiles: Sequence[str], verdict: Verdict | None, by: str | None = None) -> list[Label]:
        """Label tiles, or take their labels away.

        Args:
            set_id: Of the set.
            tiles: Ids of tiles of its collection.
            verdict: What is said of each; None: nothing any more.
            by: Who says so.

        Returns:
            The labels that those tiles had before, for `restore`.

        Raises:
            ReadOnlyError: Nothing may be changed here.
            MissingError: No such set or tile.
            UsageError: There would be too many labels.
        """
        self._require_writable()
        found = self.tiles(self.sets.get(set_id).collection)
        said = {} if verdict is None else dict.fromkeys(tiles, verdict)
        return self.sets.change(
            set_id, self._labels(found, said, by), without=self._of_same_ground(found, set_id, tiles)
        )

    @one_request
    def said(self, set_id: str) -> dict[str, Label]:
        """What a set says of the tiles as they are now, by their ids; of several labels of one the latest counts.

        Raises:
            MissingError: No such set or collection.
        """
        found = self.sets.get(set_id)
        collection = self.tiles(found.collection)
        key = (set_id, found.revision, self.engine.version(collection))

        def make() -> dict[str, Label]:
            held = self._held(self.engine.field(collection), set_id)
            return {tile: labels[-1] for tile, labels in held.items()}

        return self._said.get(key, make)

    @one_request
    def label_area(
        self, set_id: str, area: BaseGeometry, verdict: Verdict | None, by: str | None = None
    ) -> tuple[list[str], list[Label]]:
        """Label every tile whose middle lies in an area.

        Args:
            set_id: Of the set.
            area: WGS84 degrees, split at ±180°.
            verdict: As for `label`.
            by: As for `label`.

        Returns:
            Ids of the tiles, and the labels that they had before.

        Raises:
            UsageError: No tile's middle lies there, or too many do.
        """
        self._require_writable()
        tiles = self.tiles_in(self.sets.get(set_id).collection, area)
        return tiles, self.label(set_id, tiles, verdict, by)

    @one_request
    def tiles_in(self, collection: str, area: BaseGeometry) -> list[str]:
        """Ids of the tiles whose middle lies in an area.

        Raises:
            UsageError: There is none, or more than `MOST_AT_ONCE`.
        """
        found = self.tiles(collection)
        columns = self.engine.field(found)
        rows = columns.rows(Filter(area=area, reach_m=float(found.spec["largest_tile_m"]) / 2 * 2**0.5))
        assert rows is not None  # noqa: S101 - there is an area
        rows = rows[shapely.intersects_xy(area, columns.lon[rows], columns.lat[rows])]
        if not len(rows):
            raise UsageError("no tile has its middle in that area: draw it over tiles")
        if len(rows) > MOST_AT_ONCE:
            raise UsageError(f"{len(rows):,} tiles lie in that area, at most {MOST_AT_ONCE:,} are labelled at once")
        return columns.ids(rows)

    def restore(self, set_id: str, before: Sequence[Label], tiles: Iterable[str]) -> None:
        """Undo a change: these labels again, and none on the other tiles that it touched."""
        self._require_writable()
        had = {label.tile_id for label in before}
        self.sets.change(set_id, before, without=[tile for tile in tiles if tile not in had])

    def rename(self, set_id: str, name: str) -> None:
        """Call a set otherwise."""
        self._require_writable()
        self.sets.rename(set_id, name)

    def delete(self, set_id: str) -> None:
        """Forget a set with its labels."""
        self._require_writable()
        self.sets.delete(set_id)

    # -- files -------------------------------------------------------------------------------------------------------

    @one_request
    def export(self, set_id: str, suffix: str) -> bytes:
        """A set as the content of a file; `search_ui.labels.tables.SUFFIXES` has the suffixes."""
        found = self.sets.get(set_id)
        return write_labels(suffix, found, self.sets.labels(set_id), self.engine.provenance(found.collection).facts())

    @one_request
    def bring(
        self,
        content: bytes,
        file: str,
        collection: str,
        *,
        name: str | None = None,
        into: str | None = None,
    ) -> tuple[LabelSet, Taken]:
        """Take a file of labels as a new set, or into one that is there.

        Args:
            content: Bytes of the file.
            file: What it is called; its suffix says what it is.
            collection: Whose tiles are labelled.
            name: Of the new set; None: as the file says, else as it is called.
            into: Id of a set: its labels stay, but for those of the same tiles.

        Raises:
            UploadError: The file cannot be read, or no row of it can be taken.
            UsageError: The name is taken, or there would be too many labels.
            MissingError: No such collection or set.
        """
        self._require_writable()
        table = self._read(content, file)
        taken = take(table, self.engine.field(self.tiles(collection)), file)
        if into is None:
            try:
                question = self._checked(table.question)
            except UsageError as error:
                raise UploadError(f"'{file}' holds a question that cannot be asked: {error}") from error
            made = self.sets.create(name or table.name or Path(file).stem, collection, question, taken.labels)
            return made, taken
        if (own := self.sets.get(into).collection) != self._present_name(collection):
            raise UsageError(f"the set is of collection {own!r}, not of {collection!r}")
        tiles = [label.tile_id for label in taken.labels]
        self.sets.change(into, taken.labels, without=self._of_same_ground(self.tiles(collection), into, tiles))
        return self.sets.get(into), taken

    # -- what follows from them: see also `search_ui.service.learning` ------------------------------------------------

    @one_request
    def feedback(self, set_id: str, asked: str) -> Feedback:
        """The labels as they steer a search: the latest of either side turn the question, and no "no" is a hit.

        Args:
            set_id: Of the set.
            asked: Name of the collection that is searched, or of a version of it.

        Raises:
            MissingError: No such set or collection.
            UsageError: The labels are of another collection.
        """
        found = self.sets.get(set_id)
        if found.collection.partition("@")[0] != self._present_name(asked.partition("@")[0]):
            raise UsageError(f"the labels are of collection {found.collection!r}, not of {asked!r}")
        collection = self.tiles(asked)
        key = (set_id, found.revision, self.engine.version(collection))

        def make() -> Feedback:
            said = {tile: label.verdict for tile, label in self.said(set_id).items()}
            yes, no = ([tile for tile, word in said.items() if word == verdict] for verdict in ("yes", "no"))
            liked, disliked = (tuple(reversed(side))[: MOST // 2] for side in (yes, no))
            return Feedback(liked, disliked, frozenset(no))

        return self._feedback.get(key, make)

    def placed(self, columns: ExactScorer, set_id: str) -> tuple[list[Label], Rows]:
        """The labels whose tile is there, the oldest first, and the rows of the tiles."""
        labels = self.sets.labels(set_id)
        lat, lon, size_m = (
            np.array([getattr(one, axis) for one in labels], float) for axis in ("lat", "lon", "size_m")
        )
        rows = match(columns, Sought([one.tile_id for one in labels], lat, lon, size_m)).rows
        there = np.flatnonzero(rows >= 0)
        return [labels[place] for place in there.tolist()], rows[there]

    def _held(self, columns: ExactScorer, set_id: str) -> dict[str, list[Label]]:
        """The labels of each tile as it is now, by its id, the oldest first: several may lie in a larger one."""
        labels, rows = self.placed(columns, set_id)
        held: dict[str, list[Label]] = {}
        for tile, label in zip(columns.ids(rows), labels, strict=True):
            held.setdefault(tile, []).append(label)
        return held

    def _of_same_ground(self, collection: Collection, set_id: str, tiles: Iterable[str]) -> list[str]:
        """Ids of tiles, and those under which the set labels the same ground, such as before the grid was another."""
        asked, held = list(tiles), self._held(self.engine.field(collection), set_id)
        return asked + [label.tile_id for tile in set(asked) & held.keys() for label in held[tile]]

    def _row(self, collection: Collection, tile_id: str) -> int:
        row = self.engine.field(collection).row(tile_id)
        if row is None:
            raise MissingError(f"collection {collection.name!r} has no tile {tile_id[:60]!r}: take an id from a hit")
        return row

    def _labels(self, collection: Collection, tiles: Mapping[str, Verdict], by: str | None) -> list[Label]:
        if not tiles:
            return []
        columns, now = self.engine.field(collection), datetime.now(UTC)
        labels = []
        for tile_id, verdict in tiles.items():
            row = self._row(collection, tile_id)
            lat, lon, size_m = (float(axis[row]) for axis in (columns.lat, columns.lon, columns.size_m))
            labels.append(Label(tile_id, verdict, lat, lon, size_m, now, by))
        return labels

    def _checked(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of a question, which may come out of anybody's file.

        Raises:
            UsageError: It cannot be asked.
        """
        kept = {
            name: value for name, value in question.items() if name in _ASKED and value not in (None, [], "", False)
        }
        for name, value in kept.items():
            texts = value if name in _SEVERAL and isinstance(value, list) else [value]
            if name == "ensemble" and value is not True:
                raise UsageError(f"ensemble is {str(value)[:40]!r}: it is true or false")
            if name != "ensemble" and not all(isinstance(text, str) and len(text) <= _MOST_CHARS for text in texts):
                raise UsageError(f"{name} is {str(value)[:40]!r}: it is text of at most {_MOST_CHARS:,} characters")
            if len(texts) > _MOST_TEXTS or (name in _SEVERAL) != isinstance(value, list):
                raise UsageError(f"{name} is {str(value)[:40]!r}: it is a list of at most {_MOST_TEXTS} texts")
        self.asked(kept)
        parse_moment(kept["when"]) if "when" in kept else None
        return kept

    def asked(self, question: Mapping[str, Any]) -> Query | None:
        """The question of a set; None: it has none, or its picture is not here any more.

        Raises:
            UsageError: It cannot be asked.
        """
        try:
            image, photo = (self._picture(question[kind]) if kind in question else None for kind in _PICTURES)
        except MissingError:
            return None
        parts = asked_parts(
            question.get("q"),
            tuple(question.get("also", ())),
            tuple(question.get("negative", ())),
            image,
            photo,
            question.get("tile"),
        )
        return Query(parts=parts, ensemble=bool(question.get("ensemble"))) if parts else None


_ASKED = ("q", "also", "negative", "image", "photo", "tile", "ensemble", "when")
_SEVERAL = ("also", "negative")
_PICTURES = ("image", "photo")
