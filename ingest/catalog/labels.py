"""Sets of labels: tiles that somebody said yes, no or unsure of, under a name, with the question that a set began from.

A label keeps the place of its tile beside the id, so that a set outlives the tiles: another model, another grid. It
does not know which tiles a collection has, nor how questions are written: one is a JSON object.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import LabelRow, LabelSetRow
from trainer.errors import CatalogError, MissingError, UsageError

MAX_NAME_CHARS = 200
MAX_BY_CHARS = 100
MOST_SETS = 1_000  # of one home
MOST_LABELS = 20_000  # in one set
_TOGETHER = 1_000  # ids in one statement

Verdict = Literal["yes", "no", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Label:
    """What somebody said of one tile.

    Attributes:
        tile_id: Of the collection.
        verdict: Whether it is what the set looks for.
        lat: Centre of the tile, degrees.
        lon: Centre of the tile, degrees.
        size_m: Its side, metres.
        labelled_at: When, aware UTC.
        labelled_by: Who; None: nobody said.
    """

    tile_id: str
    verdict: Verdict
    lat: float
    lon: float
    size_m: float
    labelled_at: datetime
    labelled_by: str | None = None


@dataclass(frozen=True)
class LabelSet:
    """Labels under a name.

    Attributes:
        id: 16 hexadecimal digits.
        name: As a person calls it; no two of a collection have the same.
        collection: The name that people ask with.
        question: What it began from, a JSON object which is kept as it is; empty: no question.
        created_at: When it was made, aware UTC.
        revision: Counts the changes of its labels.
        counts: How many labels of each verdict.
    """

    id: str
    name: str
    collection: str
    question: dict[str, Any]
    created_at: datetime
    revision: int
    counts: dict[Verdict, int]

    @property
    def total(self) -> int:
        """How many labels."""
        return sum(self.counts.values())


class LabelSets:
    """The sets of labels of a catalog. May be used from several threads.

    Args:
        catalog: The open catalog that keeps them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def create(self, name: str, collection: str, question: dict[str, Any], labels: Iterable[Label] = ()) -> LabelSet:
        """Make a set with its first labels, all of it or nothing.

        Args:
            name: As a person calls it.
            collection: The name that people ask with.
            question: What it begins from, a JSON object.
            labels: Of several of one tile the last counts.

        Raises:
            UsageError: It has no name or a very long one, the name is taken, or there are too many sets or labels.
        """
        collection = Aliases(self._catalog).present_name(collection)
        row = LabelSetRow(
            id=secrets.token_hex(8),
            name=_checked(name),
            collection=collection,
            question=question,
            created_at=datetime.now(UTC),
            revision=0,
        )
        with self._catalog.session() as session:
            if (session.scalar(sa.select(sa.func.count()).select_from(LabelSetRow)) or 0) >= MOST_SETS:
                raise UsageError(f"there are {MOST_SETS:,} sets of labels: delete some")
            with _one_name(session, row.name, collection):
                session.add(row)
            _put(session, row.id, labels)
            return _sets(session, [row])[0]

    def all(self, collection: str | None = None) -> list[LabelSet]:
        """Every one, or those of a collection, the newest first."""
        query = sa.select(LabelSetRow).order_by(LabelSetRow.created_at.desc(), LabelSetRow.id)
        collection = collection and Aliases(self._catalog).present_name(collection)
        with self._catalog.session() as session:
            found = session.scalars(query if collection is None else query.where(LabelSetRow.collection == collection))
            return _sets(session, list(found))

    def get(self, set_id: str) -> LabelSet:
        """The one of an id.

        Raises:
            MissingError: There is none.
        """
        with self._catalog.session() as session:
            return _sets(session, [_row(session, set_id)])[0]

    def find(self, name: str, collection: str | None = None) -> LabelSet:
        """The one of an id or a name.

        Args:
            name: An id, or a name as a person calls it.
            collection: Of this collection only; None: of any.

        Raises:
            MissingError: There is none; the message lists what there is.
            CatalogError: Sets of several collections are called so.
        """
        every = self.all(collection)
        found = [one for one in every if name in (one.id, one.name)]
        if not found:
            have = ", ".join(repr(one.name) for one in every[:20]) or "none yet"
            raise MissingError(
                f"no set of labels {name[:60]!r} here (have: {have}): make it with `groundcast labels add`"
            )
        if len(found) > 1:
            told = ", ".join(f"{one.id} of {one.collection!r}" for one in found)
            raise CatalogError(f"several sets of labels are called {name[:60]!r} ({told}): give the id")
        return found[0]

    def labels(self, set_id: str) -> list[Label]:
        """The labels of a set, the oldest first.

        Raises:
            MissingError: There is no such set.
        """
        query = sa.select(LabelRow).where(LabelRow.label_set == set_id)
        with self._catalog.session() as session:
            _row(session, set_id)
            return [_label(row) for row in session.scalars(query.order_by(LabelRow.labelled_at, LabelRow.tile_id))]

    def first_and_last(self, set_id: str) -> tuple[datetime, datetime] | None:
        """When the oldest and the newest label of a set were given, aware UTC; None: it has none, or is gone."""
        ends = sa.select(sa.func.min(LabelRow.labelled_at), sa.func.max(LabelRow.labelled_at))
        with self._catalog.session() as session:
            first, last = session.execute(ends.where(LabelRow.label_set == set_id)).one()
        return None if first is None else (first, last)

    def change(self, set_id: str, labels: Iterable[Label] = (), without: Sequence[str] = ()) -> list[Label]:
        """Add labels, or others in place of those of the same tiles, and take some away, in one step.

        Args:
            set_id: Of the set.
            labels: Of several of one tile the last counts.
            without: Ids of tiles whose labels go.

        Returns:
            The labels that those tiles had before.

        Raises:
            MissingError: There is no such set.
            UsageError: There would be too many.
        """
        put = {label.tile_id: label for label in labels}
        ids = list(dict.fromkeys([*put, *without]))
        with self._catalog.session() as session:
            # this statement first: it takes the row, so that of two who change a set at once one waits
            counted_on = sa.update(LabelSetRow).where(LabelSetRow.id == set_id)
            session.execute(counted_on.values(revision=LabelSetRow.revision + 1))
            _row(session, set_id)
            before: list[Label] = []
            for some in _parts(ids):
                these = sa.and_(LabelRow.label_set == set_id, LabelRow.tile_id.in_(some))
                before += [_label(row) for row in session.scalars(sa.select(LabelRow).where(these))]
                session.execute(sa.delete(LabelRow).where(these))
            _put(session, set_id, put.values())
            return before

    def rename(self, set_id: str, name: str) -> None:
        """Call a set otherwise.

        Raises:
            MissingError: There is no such set.
            UsageError: It has no name or a very long one, or the name is taken.
        """
        name = _checked(name)
        with self._catalog.session() as session:
            row = _row(session, set_id)
            with _one_name(session, name, row.collection):
                row.name = name

    def delete(self, set_id: str) -> None:
        """Forget a set with its labels.

        Raises:
            MissingError: There is no such set.
        """
        with self._catalog.session() as session:
            row = _row(session, set_id)
            session.execute(sa.delete(LabelRow).where(LabelRow.label_set == set_id))
            session.delete(row)


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise UsageError(f"the name of a set of labels has 1 to {MAX_NAME_CHARS} characters, this one {len(name)}")
    return name


@contextmanager
def _one_name(session: Session, name: str, collection: str) -> Iterator[None]:
    """Write a name; the database itself refuses one that is taken, whoever else writes at the moment."""
    try:
        yield
        session.flush()
    except IntegrityError as error:
        raise UsageError(
            f"there is a set of labels {name!r} of collection {collection!r} already: take another name"
        ) from error


def _put(session: Session, set_id: str, labels: Iterable[Label]) -> None:
    rows = [
        {
            "label_set": set_id,
            "tile_id": label.tile_id,
            "verdict": label.verdict,
            "lat": label.lat,
            "lon": label.lon,
            "size_m": label.size_m,
            "labelled_by": label.labelled_by and label.labelled_by[:MAX_BY_CHARS],
            "labelled_at": label.labelled_at,
        }
        for label in {label.tile_id: label for label in labels}.values()
    ]
    if rows:
        session.execute(sa.insert(LabelRow), rows)
    count = sa.select(sa.func.count()).select_from(LabelRow).where(LabelRow.label_set == set_id)
    if (session.scalar(count) or 0) > MOST_LABELS:
        raise UsageError(f"a set has at most {MOST_LABELS:,} labels: begin another one, or draw a smaller area")


def _row(session: Session, set_id: str) -> LabelSetRow:
    row = session.get(LabelSetRow, set_id)
    if row is None:
        raise MissingError(f"no set of labels {set_id[:40]!r} here: it may have been deleted")
    return row


def _sets(session: Session, rows: Sequence[LabelSetRow]) -> list[LabelSet]:
    counted = sa.select(LabelRow.label_set, LabelRow.verdict, sa.func.count()).group_by(
        LabelRow.label_set, LabelRow.verdict
    )
    if len(rows) == 1:
        counted = counted.where(LabelRow.label_set == rows[0].id)
    counts: dict[str, dict[str, int]] = {}
    for set_id, verdict, count in session.execute(counted):
        counts.setdefault(set_id, {})[verdict] = count
    return [
        LabelSet(
            id=row.id,
            name=row.name,
            collection=row.collection,
            question=row.question,
            created_at=row.created_at,
            revision=row.revision,
            counts={verdict: counts.get(row.id, {}).get(verdict, 0) for verdict in VERDICTS},
        )
        for row in rows
    ]


def _label(row: LabelRow) -> Label:
    return Label(
        tile_id=row.tile_id,
        verdict=_verdict(row.verdict),
        lat=row.lat,
        lon=row.lon,
        size_m=row.size_m,
        labelled_at=row.labelled_at,
        labelled_by=row.labelled_by,
    )


def _verdict(text: str) -> Verdict:
    return next(verdict for verdict in VERDICTS if verdict == text)


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _TOGETHER] for start in range(0, len(ids), _TOGETHER))
