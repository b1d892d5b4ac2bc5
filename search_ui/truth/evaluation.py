"""A collection's answers against a file of truth, class by class: asked, laid over its tiles, measured, and fitted.

It does not know files of reports or pictures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.catalog.catalog import Collection
from ingest.geo.footprints import Places
from search_ui.labels.blocks import folds_of
from search_ui.search.moments import say_moment
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores
from search_ui.truth.blocks import ENOUGH, BootstrapBlocks, bootstrap_blocks
from search_ui.truth.fitting import FitFor, Fitting, fit
from search_ui.truth.measures import KnownTiles, Measures, measure
from search_ui.truth.objects import Objects
from search_ui.truth.overlay import COVER, Overlay, check_share, outlines, overlay
from search_ui.truth.verdicts import Verdicts, verdicts
from trainer.encoding import When
from trainer.errors import UsageError


class Asking(Protocol):
    """What an evaluation asks of an engine, see `search_ui.search.engine.Engine`."""

    def scores(self, collection_name: str, query: Query) -> Scores:
        """See there."""

    def unfitted_relevance(self, collection_name: str, query: Query) -> npt.NDArray[np.float32]:
        """See there."""

    def tiles(self, name: str) -> Collection:
        """See there."""


@dataclass(frozen=True)
class Plan:
    """What is to be evaluated.

    Attributes:
        collection: Its name, as people give it.
        texts: Class → the text that asks for it; without classes the one key is None.
        truth: Name of the file, for what is kept of a fit.
        when: The moment.
        area: Where truth is complete; None: within the extent of the file.
        share: Least share of a tile, see `search_ui.truth.overlay`; None: the rule there.
        fit: Whether relevance is fitted.
        draws: Of the bootstrap.
        seed: Same seed, same intervals.
    """

    collection: str
    texts: Mapping[str | None, str]
    truth: str
    when: When = None
    area: BaseGeometry | None = None
    share: float | None = None
    fit: bool = False
    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class ClassResult:
    """What came out for one class.

    Attributes:
        name: Of the class; None: the file is of one.
        text: What was asked.
        scores: Of every tile of the collection or area.
        verdicts: What truth says of them.
        found: The objects over them.
        shapes: The objects, WGS84 degrees.
        rows: Which tiles are measured, those whose truth is known, [n].
        sample: Those tiles, as they were measured.
        blocks: What bootstrap draws are made of.
        measures: The numbers.
        fitting: The fit, where one was asked for and is worth something.
        not_fitted: Why there is none though it was asked for.
        notes: What a person should read.
    """

    name: str | None
    text: str
    scores: Scores
    verdicts: Verdicts
    found: Overlay
    shapes: npt.NDArray[np.object_]
    rows: npt.NDArray[np.int64]
    sample: KnownTiles
    blocks: BootstrapBlocks
    measures: Measures
    fitting: Fitting | None
    not_fitted: str | None
    notes: tuple[str, ...]

    @property
    def unknown(self) -> int:
        """How many tiles that are asked about are not measured."""
        return self.verdicts.asked - len(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        yes = int(self.sample.yes.sum())
        told: dict[str, Any] = {
            "class": self.name,
            "text": self.text,
            "tiles": len(self.rows),
            "positive": yes,
            "base_rate": round(yes / len(self.rows), 4),
            "unknown": self.unknown,
            "slivers": self.verdicts.slivers,
            "objects": len(self.shapes),
            "objects_judged": self.sample.objects,
            "objects_off": self.found.off,
            "objects_too_small": self.found.unfindable,
            "block_m": round(self.blocks.side_m, 1),
            "blocks": self.blocks.count,
            "notes": list(self.notes),
        } | self.measures.as_dict()
        if self.fitting is not None:
            told["fit"] = self.fitting.as_dict()
        if self.not_fitted is not None:
            told["not_fitted"] = self.not_fitted
        return told


@dataclass(frozen=True)
class TruthResult:
    """What came out, class by class.

    Attributes:
        plan: What was asked.
        classes: Those that could be measured.
        left_out: Class or text → why it could not be.
        notes: What a person should read of all of them.
    """

    plan: Plan
    classes: tuple[ClassResult, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return {
            "collection": self.plan.collection,
            "truth": self.plan.truth,
            "when": None if self.plan.when is None else self.plan.when.isoformat(),
            "rule": say_rule(self.plan.share),
            "draws": self.plan.draws,
            "classes": [one.as_dict() for one in self.classes],
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }


def say_rule(share: float | None) -> str:
    """When a tile is positive, in a sentence."""
    if share is not None:
        return f"a tile is positive where objects cover at least {share:g} of it, or a point lies in it"
    return (
        f"a tile is positive where it holds at least half of an object, or more of it than any other tile, or where "
        f"objects cover at least {COVER:g} of it"
    )


def evaluate_truth(
    engine: Asking,
    plan: Plan,
    objects: Objects,
    negative: npt.NDArray[np.object_] | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> TruthResult:
    """Evaluate a collection against truth.

    Args:
        engine: Scores its tiles.
        plan: What is to be evaluated.
        objects: The truth; each class of the plan has some.
        negative: Polygons and points where none of it is to be seen; None: truth is complete within its extent.
        progress: Called with what is done next.

    Raises:
        CatalogError: No such collection or model.
        UsageError: Truth lies elsewhere, or of no class there is both a positive and a negative tile.
    """
    check_share(plan.share)
    classes, left_out = [], {}
    notes = list(objects.notes)
    for name, text in plan.texts.items():
        progress(text)
        shapes = objects.of_class(name)
        query, scores = _scored(engine, plan, text, shapes)
        if not len(scores.tile_id):
            raise UsageError(f"collection {plan.collection!r}: {scores.note or 'no tile lies in that area'}")
        if np.isnan(scores.relevance).all():
            raise UsageError(
                f"collection {plan.collection!r} has no relevance that truth could be held against: {scores.note or ''}"
            )
        tiles = _outlines(scores)
        found = overlay(shapes, tiles, plan.share)
        at = {"lat": scores.lat, "lon": scores.lon}
        said = verdicts(found, tiles, **at, extent=objects.extent, area=plan.area, negative=negative)
        why = _why_not(said, found, shapes, plan)
        if why is not None:
            left_out[name or text] = why
            continue
        classes.append(_measured(engine, plan, (name, text, query), scores, shapes, found, said))
    if not classes:
        raise UsageError("; ".join(f"{name!r}: {why}" for name, why in left_out.items()))
    note = classes[0].scores.note
    notes += [note] if note else []
    return TruthResult(plan, tuple(classes), left_out, tuple(dict.fromkeys(notes)))


def _scored(engine: Asking, plan: Plan, text: str, shapes: npt.NDArray[np.object_]) -> tuple[Query, Scores]:
    """The tiles of the area, and beyond it those of its objects: which tile holds most of one all of them tell."""
    query = Query(parts=(Part("text", text),), when=plan.when, area=plan.area)
    scores = engine.scores(plan.collection, query)
    if plan.area is None or plan.share is not None or not len(scores.tile_id):
        return query, scores
    on = np.unique(shapely.STRtree(shapes).query(_outlines(scores), predicate="intersects")[1])
    beyond = shapes[on][(shapely.area(shapes[on]) > 0) & ~shapely.covered_by(shapes[on], plan.area)]
    if not len(beyond):
        return query, scores
    wider = replace(query, area=shapely.union_all([plan.area, *beyond]))
    return wider, engine.scores(plan.collection, wider)


def _outlines(scores: Scores) -> npt.NDArray[np.object_]:
    return outlines(Places(scores.lat, scores.lon, scores.size_m))


def _why_not(said: Verdicts, found: Overlay, shapes: npt.NDArray[np.object_], plan: Plan) -> str | None:
    """Why a class cannot be measured; None: it can."""
    known, yes = int(said.known.sum()), int(said.yes.sum())
    if found.off == len(shapes):
        where = "the collection" if plan.area is None else "that area"
        return f"none of its {len(shapes):,} objects lies on a tile of {where}: is the file of another place?"
    if not yes and found.unfindable and not found.positive.any():
        return f"its {found.unfindable:,} objects cover too little of any tile: give a smaller --min-share"
    if not known and plan.area is None:
        return (
            "the box round the objects holds the middle of no tile, so nothing is known to be negative: say by --bbox, "
            "--near, --area or --place where truth is complete, or give --negative areas"
        )
    if not yes:
        return "no tile whose truth is known is positive: is the area that is asked about another one?"
    if yes == known:
        return (
            f"all {known:,} tiles whose truth is known are positive: nothing is there to be told apart. Give a larger "
            "area, --negative areas, a larger --min-share, or a collection of smaller tiles"
        )
    return None


def _measured(
    engine: Asking,
    plan: Plan,
    asked: tuple[str | None, str, Query],
    scores: Scores,
    shapes: npt.NDArray[np.object_],
    found: Overlay,
    said: Verdicts,
) -> ClassResult:
    name, text, query = asked
    # a tile without a cosine cannot be ranked
    rows = np.flatnonzero(said.known & np.isfinite(scores.cosine))
    yes, lat, lon = said.yes[rows], scores.lat[rows], scores.lon[rows]
    size_m = float(np.median(scores.size_m))
    blocks = bootstrap_blocks(yes, lat=lat, lon=lon, size_m=size_m)
    of_object, of_tile = _renumbered(found, rows, len(said.known))
    folds = folds_of(yes, lat=lat, lon=lon, size_m=size_m)
    cosine, relevance = (column[rows].astype(np.float64) for column in (scores.cosine, scores.relevance))
    sample = KnownTiles(yes, cosine, relevance, blocks.number, of_object, of_tile, folds)
    measures = measure(sample, draws=plan.draws, seed=plan.seed)
    fitting, not_fitted = None, None
    if plan.fit:
        plain = engine.unfitted_relevance(plan.collection, query)[rows].astype(np.float64)
        when = None if plan.when is None else plan.when.isoformat()
        of = FitFor(text.strip(), engine.tiles(plan.collection).model_id, plan.truth, when)
        try:
            fitting = fit(replace(sample, relevance=plain), of)
        except UsageError as error:
            not_fitted = str(error)
    notes = _notes(plan, said, found, sample, blocks, size_m) + _worth(measures)
    return ClassResult(
        name, text, scores, said, found, shapes, rows, sample, blocks, measures, fitting, not_fitted, notes
    )


def _renumbered(
    found: Overlay, rows: npt.NDArray[np.int64], n: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of object and tile among some rows, both numbered from 0."""
    place = np.full(n, -1)
    place[rows] = np.arange(len(rows))
    known = place[found.of_tile] >= 0
    _, objects = np.unique(found.of_object[known], return_inverse=True)
    return objects.ravel().astype(np.int64), place[found.of_tile[known]].astype(np.int64)


def _notes(
    plan: Plan, said: Verdicts, found: Overlay, sample: KnownTiles, blocks: BootstrapBlocks, size_m: float
) -> tuple[str, ...]:
    notes = [said.by]
    if said.contrary:
        notes.append(f"{said.contrary:,} tiles are positive and negative at once: left out")
    if said.slivers:
        notes.append(f"{said.slivers:,} tiles that objects touch or cover too little of count as negative")
    if found.off and plan.area is None:
        notes.append(f"{found.off:,} objects lie on no tile: nothing could find them, and they are not counted")
    elif found.off:
        notes.append(f"{found.off:,} objects lie on no tile of the area, and are not counted")
    if found.unfindable:
        notes.append(f"{found.unfindable:,} objects cover too little of any tile, and are not counted")
    if blocks.few:
        notes.append(
            f"positives lie in {blocks.with_yes} blocks of {blocks.side_m:,.0f} m and negatives in {blocks.with_no}; "
            f"with fewer than {ENOUGH} the true values may lie outside of the intervals"
        )
    if blocks.single:
        notes.append(
            f"too few positives or negatives for blocks of several tiles: intervals take each tile of {size_m:,.0f} m "
            "as evidence of its own, and are too narrow where neighbours look alike"
        )
    if sample.folds is not None and sample.folds.close:
        notes.append(
            f"what is judged on other blocks is judged on blocks of {sample.folds.block_m:,.0f} m, so that many a tile "
            "has learnt from its neighbour: elsewhere it may be worse"
        )
    return tuple(notes)


def _worth(measures: Measures) -> tuple[str, ...]:
    """What is to be said of an area under the ROC curve that is none."""
    area = measures.number("roc_auc").estimate
    if area.high < 0.5:
        return ("it is worse than guessing: tiles without it are scored above those with it; ask in other words",)
    if np.isfinite(area.low) and area.low <= 0.5:
        return ("it may be no better than guessing: the interval of the area under the ROC curve holds .5",)
    return ()


def say_when(when: When) -> str:
    """The moment in words."""
    return "at any time" if when is None else say_moment(when)


def classes_of(
    texts: Sequence[str], objects: Objects, class_column: str | None, *, negative: bool = False
) -> tuple[dict[str | None, str], str]:
    """Which text asks for which class, and a sentence on classes without one, or an empty one.

    Args:
        texts: TEXT, or with a column CLASS=TEXT.
        objects: The truth.
        class_column: Its column.
        negative: Whether there are negative areas, beside which no other class says that something is not there.

    Raises:
        UsageError: A text is missing, is said twice, or names a class that there is not.
    """
    if not texts:
        raise UsageError('--truth needs --text: what one would see there, such as --text "a swimming pool"')
    if class_column is None:
        if len(texts) > 1:
            raise UsageError("several --text need --class-column: the column that says what each object is")
        return {None: texts[0]}, ""
    have = objects.counts()
    there = ", ".join(f"{name} ({count:,})" for name, count in list(have.items())[:20]) or "none"
    asked: dict[str | None, str] = {}
    for one in texts:
        name, equals, text = (part.strip() for part in one.partition("="))
        if not equals or not name or not text:
            raise UsageError(f'--text {one!r}: with --class-column write CLASS=TEXT, such as pool="a swimming pool"')
        if name in asked:
            raise UsageError(f"--text {one!r}: class {name!r} has a text already: give one a class")
        if name not in have:
            raise UsageError(f"--text {one!r}: no object is of class {name!r}; {class_column} is: {there}")
        asked[name] = text
    silent = {name: count for name, count in have.items() if name not in asked}
    if not silent:
        return asked, ""
    shown = ", ".join(f"{name} ({count:,})" for name, count in list(silent.items())[:20])
    others = "say nothing of the others" if negative else "count as negative for the others"
    return asked, f"classes without a text are not evaluated, and {others}: {shown}"
