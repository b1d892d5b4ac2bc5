"""Maps against truth: does a text's score rise where, and when, the thing is to be seen?

Truth is a Parquet file, one row a tile and concept (and moment):

    tile_id      text, the key of the tile's sample in the shards
    concept      text
    probability  0 … 1, that a person who looks around there (then) sees it
    when         wall-clock time at the place; null: whenever it is likeliest

Each text is scored in these ways:

    any time        S = O against the rows without a moment
    at a moment     one map a moment, of S there; the mean over the moments
    over moments    all tiles at all moments in one ranking: also whether the score knows *when*
    … without E     the last two, with the time withheld from the model

A tile counts as a place of the concept from a probability of ½. The bootstrap draws neighbourhoods of 0.05°, because
tiles side by side see the same things. Nothing here knows where truth comes from.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trainer.errors import UsageError
from trainer.measures import metrics
from trainer.measures.embedding import Moments, Progress, silent
from trainer.measures.metrics import Estimate, Floats, Ints, Linear, Vectors

At: TypeAlias = Callable[..., Vectors]  # O [n, d], lat=, lon=, when= → S [n, d]
Tiles: TypeAlias = tuple[npt.NDArray[np.str_], Vectors, Floats, Floats]  # ids [n], O [n, d], lat [n], lon [n]
Measures: TypeAlias = dict[str, Floats]  # name → [1 + draws]

ANY_TIME, AT_A_MOMENT, OVER_MOMENTS = "any time", "at a moment", "over moments"
WITHOUT_E = " without E"
WAYS = (ANY_TIME, AT_A_MOMENT, OVER_MOMENTS, AT_A_MOMENT + WITHOUT_E, OVER_MOMENTS + WITHOUT_E)
POSITIVE = 0.5
FEWEST = 5  # places of a concept, and other places, below which a map says nothing
NEIGHBOURHOOD_DEG = 0.05
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to be mapped.

    Attributes:
        concept: Name in the truth of what it asks for.
        text: The words that are embedded.
        unseen: Whether its words occur in no caption of the training.
    """

    concept: str
    text: str
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """r rows of truth; see the module.

    Attributes:
        tile: Row of the tile in `tile_ids`, [r].
        tile_ids: Ids of the t tiles.
        concept: Number of the concept in `concepts`, [r].
        concepts: Names of the c concepts.
        probability: That one sees the concept there, 0..1, [r].
        when: Wall-clock time at the place, [r]; NaT: whenever it is likeliest.
    """

    tile: Ints
    tile_ids: npt.NDArray[np.str_]
    concept: Ints
    concepts: npt.NDArray[np.str_]
    probability: Floats
    when: Moments


@dataclass(frozen=True)
class Score:
    """One prompt in one way.

    Attributes:
        prompt: The text that was scored.
        way: How it was asked, one of `WAYS`.
        maps: Maps that were scored: moments, or 1.
        tiles: Rows of truth in all of those maps.
        places: Rows of a probability of ½ or more.
        measures: `auroc`, `soft` (AUROC with the probabilities as weights), `ap` (average precision), `rho` (rank
            correlation); [1 + draws] each. Of texts whose words are unseen, `auroc` alone.
    """

    prompt: Prompt
    way: str
    maps: int
    tiles: int
    places: int
    measures: Measures


@dataclass
class MapScores:
    """All prompts of one model.

    Attributes:
        model: Name of the model, for people.
        tiles: How many distinct tiles have truth.
        moments: How many distinct moments the truth has.
        scores: Of each prompt, in each way that the model and the truth allow.
        unanswerable: Concepts of which no map has enough places, way → names.
    """

    model: str
    tiles: int
    moments: int
    scores: list[Score] = field(default_factory=list)
    unanswerable: dict[str, list[str]] = field(default_factory=dict)

    def concepts(self, way: str, measure: str = "auroc", *, unseen: bool = False) -> dict[str, Floats]:
        """Concept → the mean over its prompts, [1 + draws]."""
        found = defaultdict(list)
        for score in self.scores:
            if score.way == way and score.prompt.unseen == unseen:
                found[score.prompt.concept].append(score.measures[measure])
        return {concept: np.mean(values, axis=0) for concept, values in sorted(found.items())}

    def over_concepts(self, way: str, measure: str = "auroc", *, unseen: bool = False) -> Estimate | None:
        """The mean over concepts; None where nothing was scored in this way. The interval is that of other tiles."""
        found = list(self.concepts(way, measure, unseen=unseen).values())
        return Estimate.of(np.mean(found, axis=0)) if found else None

    def over_prompts(self, way: str, *, unseen: bool) -> tuple[Estimate, int] | None:
        """The mean AUROC over prompts, and their number. The interval is that of other prompts."""
        values = [s.measures["auroc"][0] for s in self.scores if s.way == way and s.prompt.unseen == unseen]
        if not values:
            return None
        return Estimate.of(metrics.bootstrap(metrics.mean(values), len(values))), len(values)


def read_truth(path: Path) -> Truth:
    """Read a truth file; see the module.

    Raises:
        UsageError: No Parquet file, or not of these columns.
    """
    try:
        table = pq.read_table(path, columns=["tile_id", "concept", "probability", "when"])
    except FileNotFoundError:
        raise UsageError(f"truth {path} is missing: make it, or leave --truth out") from None
    except (OSError, pa.ArrowException) as e:
        raise UsageError(f"truth {path} is not Parquet with tile_id, concept, probability and when: {e}") from e
    tiles, concepts = (
        pc.dictionary_encode(table[c].cast(pa.string()).combine_chunks()) for c in ("tile_id", "concept")
    )
    # whole seconds: moments are compared for equality
    when = table["when"].cast(pa.timestamp("s"), safe=False)
    return Truth(
        tile=np.asarray(tiles.indices, np.int64),
        tile_ids=np.asarray(tiles.dictionary.to_pylist(), np.str_),
        concept=np.asarray(concepts.indices, np.int64),
        concepts=np.asarray(concepts.dictionary.to_pylist(), np.str_),
        probability=table["probability"].to_numpy().astype(np.float64),
        when=when.to_numpy().astype("datetime64[s]"),
    )


def zero_shot(
    model: str,
    *,
    tiles: Tiles,
    truth: Truth,
    prompts: Sequence[Prompt],
    texts: Vectors,
    at: At | None = None,
    draws: int = metrics.DRAWS,
    progress: Progress = silent,
) -> MapScores:
    """Score the maps of all prompts.

    Args:
        model: Name of the model, for people.
        tiles: Ids, O (unnormalised), latitude and longitude of n tiles.
        truth: What is to be seen in those tiles.
        prompts: p texts; those of concepts without truth are an error.
        texts: Their vectors, float32 [p, d].
        at: What place and time make of O; None: the model knows neither.
        draws: Bootstrap draws.
        progress: Called after each concept.

    Raises:
        UsageError: Truth of tiles that are not there, or prompts of concepts without truth.
    """
    concepts, which = _asked(prompts, truth)
    ids, vectors, lat, lon = tiles
    number_of = np.array([concepts.index(c) if c in concepts else -1 for c in truth.concepts.tolist()])
    asked = number_of[truth.concept] >= 0
    truth = replace(truth, **{k: getattr(truth, k)[asked] for k in ("tile", "concept", "probability", "when")})
    rows = _Rows(_rows_of(ids, truth), number_of[truth.concept], truth.when)
    group = np.unique(_neighbourhood(lat[rows.tile], lon[rows.tile]), return_inverse=True)[1].ravel()
    # the same draws for every prompt and way: their means and differences keep honest intervals
    counts = metrics.group_counts(int(group.max()) + 1, draws=draws)
    alone = _scores(rows, vectors, lat, lon, texts, which, None)
    # without E no row's score depends on its moment
    timed = alone if at is None else _scores(rows, vectors, lat, lon, texts, which, at)
    done = MapScores(model, len(np.unique(rows.tile)), len(np.unique(truth.when[~np.isnat(truth.when)])))
    for number, concept in enumerate(concepts):
        for way in WAYS if at is not None else WAYS[:3]:
            maps = _maps(way, np.flatnonzero(rows.concept == number), truth)
            if not maps:
                done.unanswerable.setdefault(way, []).append(concept)
                continue
            scores = timed if way in (AT_A_MOMENT, OVER_MOMENTS) else alone
            for column, i in enumerate(which[number][which[number] >= 0]):
                found = _measured(scores[:, column], truth.probability, maps, brief=prompts[i].unseen)
                groups = [group[m] for m in maps]
                measures = {name: metrics.linear_bootstrap(s, groups, counts) for name, s in found.items()}
                places = sum(int((truth.probability[m] >= POSITIVE).sum()) for m in maps)
                done.scores.append(Score(prompts[i], way, len(maps), sum(map(len, maps)), places, measures))
        progress(f"{model}: maps", number + 1, len(concepts))
    return done


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the r rows of truth ask about."""

    tile: Ints  # row of the tile's vector
    concept: Ints  # number of the concept
    when: Moments


def _scores(
    rows: _Rows,
    vectors: Vectors,
    lat: Floats,
    lon: Floats,
    texts: Vectors,
    which: Ints,
    at: At | None,
) -> Vectors:
    """Cosine of each row of truth with each text of its concept, float32 [r, texts]; of S = O without `at`.

    Every tile at every moment is computed once, whatever the number of concepts that ask for it.
    """
    moments, moment = np.unique(rows.when.astype(np.int64), return_inverse=True)
    # one number for each tile and moment; NaT is a moment of its own, the smallest integer
    asked = rows.tile * len(moments) + moment.ravel() if at is not None else rows.tile
    distinct, number = np.unique(asked, return_inverse=True)
    # rows sorted by what they need, so that a chunk of tiles and moments serves a run of them
    order = np.argsort(number.ravel(), kind="stable")
    edges = np.searchsorted(number.ravel()[order], np.arange(0, len(distinct) + _CHUNK, _CHUNK))
    found = np.empty((len(rows.tile), which.shape[1]), np.float32)
    for start, (low, high) in zip(range(0, len(distinct), _CHUNK), pairwise(edges), strict=False):
        part = order[low:high]
        # for each tile and moment of the chunk one row that names it
        first = part[np.searchsorted(number.ravel()[part], np.arange(start, min(start + _CHUNK, len(distinct))))]
        tile = rows.tile[first]
        s = vectors[tile]
        if at is not None:
            s = at(s, lat=lat[tile], lon=lon[tile], when=rows.when[first])
        cosine = metrics.unit(s) @ texts.T  # [chunk, p]
        found[part] = cosine[(number.ravel()[part] - start)[:, None], which[rows.concept[part]]]
    return found


def _maps(way: str, mine: Ints, truth: Truth) -> list[Ints]:
    """The rows of each map of a concept that can be scored in this way: enough places, and enough others."""
    known = ~np.isnat(truth.when[mine])
    if way == ANY_TIME:
        maps = [mine[~known]]
    elif way.startswith(AT_A_MOMENT):
        timed = mine[known]
        maps = [timed[truth.when[timed] == moment] for moment in np.unique(truth.when[timed])]
    else:
        maps = [mine[known]]
    places = [int((truth.probability[m] >= POSITIVE).sum()) for m in maps]
    # of fewer than five of either kind an AUROC hangs on single tiles
    return [m for m, n in zip(maps, places, strict=True) if min(n, len(m) - n) >= FEWEST]


def _measured(scores: Vectors, probability: Floats, maps: list[Ints], *, brief: bool) -> dict[str, list[Linear]]:
    """The measures of one text on each map; brief: AUROC alone."""
    truth = [(scores[m], probability[m], (probability[m] >= POSITIVE).astype(np.float64)) for m in maps]
    found = {"auroc": [metrics.auroc(s, place) for s, _, place in truth]}
    if not brief:
        found["soft"] = [metrics.auroc(s, p) for s, p, _ in truth]
        found["ap"] = [metrics.average_precision(s, place) for s, _, place in truth]
        found["rho"] = [metrics.spearman(s, p) for s, p, _ in truth]
    return found


def _neighbourhood(lat: Floats, lon: Floats) -> Ints:
    """A number for the neighbourhood of each place; tiles of one see the same things."""
    north, east = (np.floor(x / NEIGHBOURHOOD_DEG).astype(np.int64) for x in (lat, lon))
    return north * 10_000 + east  # more than 360 / 0.05 columns, so that no two squares share a number


def _asked(prompts: Sequence[Prompt], truth: Truth) -> tuple[list[str], Ints]:
    """The concepts asked for, sorted, each of which must have truth; the prompts of each, [concepts, t], −1: none."""
    concepts = sorted({prompt.concept for prompt in prompts})
    lacking = sorted(set(concepts) - set(truth.concepts.tolist()))
    if lacking or not concepts:
        raise UsageError(f"prompts ask for {', '.join(lacking) or 'nothing'}, of which the truth says nothing")
    lists = [[i for i, prompt in enumerate(prompts) if prompt.concept == concept] for concept in concepts]
    which = np.full((len(concepts), max(map(len, lists))), -1)
    for number, mine in enumerate(lists):
        which[number, : len(mine)] = mine
    return concepts, which


def _rows_of(ids: npt.NDArray[np.str_], truth: Truth) -> Ints:
    """Row of `ids` of each row of truth, [r]."""
    order = np.argsort(ids)
    # ids need not be sorted; where the search ends there is the very id, or it is missing
    at = np.minimum(np.searchsorted(ids, truth.tile_ids, sorter=order), len(ids) - 1)
    row = order[at]
    lacking = truth.tile_ids[ids[row] != truth.tile_ids]
    if len(lacking):
        raise UsageError(f"{len(lacking)} tiles of the truth, such as {lacking[0]}, are not in the shards of tiles")
    return np.asarray(row[truth.tile])
