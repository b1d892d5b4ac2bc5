"""What is learnt from sets of labels: how likely each tile is a yes, how well that is known, and areas of such tiles.

It is learnt anew when labels or tiles change. It draws no page and knows no HTTP, nor how labels are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.catalog.catalog import Collection
from ingest.catalog.labels import LabelSet
from ingest.geo.footprints import Places
from search_ui.labels.area_files import areas_as
from search_ui.labels.areas import Area, areas_of
from search_ui.labels.classifier import Assessment, Classifier, Labelled, Surroundings, lacking, learn
from search_ui.search.listings import one_request
from search_ui.search.moments import parse_moment
from search_ui.search.recent import Recent
from search_ui.service.labelling import Labelling
from trainer.encoding import When
from trainer.errors import UsageError

_SAMPLE = 4_096  # tiles that say what is usual
_KEPT, _KEPT_BYTES = 32, 64 * 2**20

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Learnt:
    """A classifier of a set.

    Attributes:
        of: The set that it was learnt from.
        classifier: Scores tiles by a cosine.
        assessment: How well it does.
        when: The moment at which tiles are looked at; None: at any time.
        lost: Labels whose place has no tile any more.
    """

    of: LabelSet
    classifier: Classifier
    assessment: Assessment
    when: When
    lost: int

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        when = None if self.when is None else self.when.isoformat()
        return {"labels": self.of.id, "when": when, "lost": self.lost} | self.assessment.as_dict()


@dataclass(frozen=True)
class Probabilities:
    """How likely each tile of a collection is a yes.

    Attributes:
        tile_id: Ids of the tiles, [n].
        places: Centres and sides, [n].
        probability: float32 [n], 0..1; NaN where a tile has no score.
        learnt: What says so.
    """

    tile_id: Sequence[str]
    places: Places
    probability: Floats
    learnt: Learnt


class Learning:
    """Learns from the sets of labels of one home. May be used from several threads.

    Args:
        labelling: Keeps the sets.
    """

    def __init__(self, labelling: Labelling) -> None:
        self._labelling, self._engine = labelling, labelling.engine
        self._learnt: Recent[Learnt] = Recent(_KEPT)
        self._probabilities: Recent[Probabilities] = Recent(_KEPT, max_bytes=_KEPT_BYTES)

    def request(self) -> Any:
        """See `search_ui.search.engine.Engine.request`."""
        return self._engine.request()

    def lacking(self, found: LabelSet) -> str | None:
        """How many more labels a classifier takes, in words; None: there are enough."""
        return lacking(found.counts["yes"], found.counts["no"])

    @one_request
    def learnt(self, set_id: str) -> Learnt:
        """The classifier of a set, and how well it does.

        Raises:
            MissingError: No such set or collection.
            UsageError: There are too few labels, or nothing can be learnt from them.
        """
        found = self._labelling.sets.get(set_id)
        collection = self._labelling.tiles(found.collection)
        key = (set_id, found.revision, self._engine.version(collection))
        return self._learnt.get(key, lambda: self._learn(found, collection))

    @one_request
    def probabilities(self, set_id: str) -> Probabilities:
        """How likely each tile is a yes; raises as `learnt`."""
        learnt = self.learnt(set_id)
        collection = self._labelling.tiles(learnt.of.collection)
        key = (set_id, learnt.of.revision, self._engine.version(collection))

        def make() -> Probabilities:
            columns = self._engine.field(collection)
            cosine = columns.cosines(learnt.classifier.vector, when=learnt.when)
            places = Places(columns.lat, columns.lon, columns.size_m)
            return Probabilities(columns.row_ids(), places, learnt.classifier.probability(cosine), learnt)

        return self._probabilities.get(key, make, size=lambda made: 4 * len(made.probability))

    @one_request
    def areas(self, set_id: str, threshold: float) -> list[Area]:
        """Neighbouring tiles of at least so much probability, merged, the largest first; raises as `learnt`."""
        made = self.probabilities(set_id)
        return areas_of(made.places, made.probability, threshold)

    @one_request
    def areas_file(self, set_id: str, threshold: float, suffix: str) -> bytes:
        """The same as the content of a file, with their provenance."""
        block = self.provenance(self.learnt(set_id), threshold)
        return areas_as(suffix, self.areas(set_id, threshold), threshold, block)

    def provenance(self, learnt: Learnt, threshold: float | None = None) -> dict[str, Any]:
        """Where a classifier's answers come from, in JSON types."""
        found, told = learnt.of, learnt.as_dict()
        for curve in ("classifier", "question"):
            if told[curve] is not None:
                told[curve] = {name: told[curve][name] for name in ("area", "interval")}
        said = {"id": found.id, "name": found.name, "question": found.question, "counts": found.counts}
        block = self._engine.provenance(found.collection).facts() | {"label_set": said, "classifier": told}
        return block if threshold is None else block | {"threshold": threshold}

    def _learn(self, found: LabelSet, collection: Collection) -> Learnt:
        columns = self._engine.field(collection)
        labels, rows = self._labelling.placed(columns, found.id)
        when, _ = self._engine.moment(
            collection, parse_moment(found.question["when"]) if "when" in found.question else None
        )
        said = {
            row: label.verdict for row, label in zip(rows.tolist(), labels, strict=True) if label.verdict != "unsure"
        }
        rows = np.array(list(said), np.int64)
        yes = np.array([verdict == "yes" for verdict in said.values()], np.bool_)
        few = lacking(int(yes.sum()), int((~yes).sum()))
        if few is not None:
            raise UsageError(few)
        like = found.question.get("tile")
        asked = None if like is not None and columns.row(like) is None else self._labelling.asked(found.question)
        question = None if asked is None else self._engine.query_vector(collection, asked)
        some = np.unique(np.linspace(0, columns.n - 1, min(_SAMPLE, columns.n)).astype(np.int64))
        labelled = Labelled(
            columns.predicted(rows, when=when),
            yes,
            columns.lat[rows],
            columns.lon[rows],
            float(np.median(columns.size_m[rows])),
        )
        classifier, assessment = learn(labelled, Surroundings.of(columns.predicted(some, when=when), question))
        return Learnt(found, classifier, assessment, when, lost=found.total - len(labels))
