"""Evaluation: what a checkpoint is worth on pairs of overhead tile and ground photo that it never saw.

    shards ─► vectors of tiles and photos ─► retrieval both ways ─► time swap ─► silhouette ─► maps against truth

Each model is asked three ways, as far as it can answer: from the tile alone (S = O), with the place, with place and
time. Beside it stands its teacher, CLIP, looking at the tile as if it were a photo. In retrieval the pair itself is
right and everything else wrong, as in the paper; photos of one place are drawn together in the bootstrap, for they are
no independent evidence. `trainer.measures.maps` scores maps, `trainer.measures.report` prints,
`trainer.measures.plots` draws.

Nothing here knows training, imagery or the sandbox planet: truth comes in as a file.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.checkpoint import read_tensors
from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.measures import metrics
from trainer.measures.clusters import silhouette_curve
from trainer.measures.embedding import (
    ALONE,
    MOMENT,
    Embed,
    Moments,
    Progress,
    Role,
    embed_pictures,
    expectations,
    silent,
)
from trainer.measures.maps import MapScores, Prompt, Truth, zero_shot
from trainer.measures.metrics import Estimate, Floats, Ints, Vectors
from trainer.measures.time_swap import moments_apart, time_swap
from trainer.shards.tars import MISSING, Part, Shards

GALLERY = 10_000
TEACHER = "CLIP"


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    Attributes:
        gallery: Pairs to draw from the shards; all of them where they have fewer.
        draws: How many bootstrap draws make an interval.
        seed: Of the gallery, the draws and the clusters.
        device: Device of the towers, such as `cuda:1`; None: chosen by `Embedder.load`.
        precision: Arithmetic of the towers, one of `trainer.precision.PRECISIONS` or `auto`.
        progress: Called as the work goes on.
        embed: What makes vectors of pictures, or brings those that were kept.
    """

    gallery: int = GALLERY
    draws: int = metrics.DRAWS
    seed: int = 0
    device: str | None = None
    precision: str = "auto"
    progress: Progress = silent
    embed: Embed = embed_pictures


@dataclass(frozen=True)
class Maps:
    """Tiles with known truth, and what to ask about them.

    Attributes:
        tiles: Shards of the tiles, their keys are the truth's tile ids.
        truth: What is to be seen in the tiles.
        prompts: The texts to map, each of a concept of the truth.
    """

    tiles: Shards
    truth: Truth
    prompts: Sequence[Prompt]


@dataclass(frozen=True)
class EvaluationRow:
    """One model, asked in one way. Every measure is an array [1 + draws], see `trainer.measures.metrics`.

    Attributes:
        model: Name of the model, or of its teacher.
        given: What it was given: `tile`, `tile + place`, `tile + place + time`.
        overhead_to_ground: Measures of finding the photo from the tile.
        ground_to_overhead: Measures of finding the tile from the photo.
        silhouette: Clusters → mean silhouette of what it predicts.
    """

    model: str
    given: str
    overhead_to_ground: dict[str, Floats]
    ground_to_overhead: dict[str, Floats]
    silhouette: dict[int, Estimate]


@dataclass(frozen=True)
class Swap:
    """Time swap of one model: kind of difference → number of pairs and share of right choices."""

    model: str
    pairs: dict[str, int]
    accuracy: dict[str, Estimate]


@dataclass
class Evaluation:
    """All that was measured on one folder of shards.

    Attributes:
        shards: Where the pairs lie, for people.
        pairs: Pairs in the gallery; each is a query in both directions.
        places: How many distinct places they have; the bootstrap draws those.
        undated: How many pairs have no time.
        problems: Reason → pairs that could not be read.
        models: Name → model_id.
        training: Name → training configuration.
        rows: Retrieval and silhouette, a row for each model and way to ask it.
        swaps: Time swaps, of models that know time.
        maps: Maps against truth, one a model and way of asking.
    """

    shards: str
    pairs: int
    places: int
    undated: int
    problems: dict[str, int]
    models: dict[str, str] = field(default_factory=dict)
    training: dict[str, dict[str, object]] = field(default_factory=dict)
    rows: list[EvaluationRow] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    maps: list[MapScores] = field(default_factory=list)


@dataclass(frozen=True)
class SampleGallery:
    """Which samples of the shards are asked for, and where and when they are.

    Attributes:
        rows: Numbers of the samples in the shards, [n].
        lat: Degrees north, [n].
        lon: Degrees east, [n].
        when: Wall-clock time, [n]; NaT where it is not known.
        place: Label of the place, [n].
    """

    rows: Ints
    lat: Floats
    lon: Floats
    when: Moments
    place: Ints

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> "SampleGallery":
        """Some of them."""
        return SampleGallery(*(getattr(self, f.name)[chosen] for f in fields(self)))


@dataclass(frozen=True)
class _Teacher:
    """What the frozen tower makes of the photos, and of the tiles as if they were photos, float32 [n, d] each."""

    photos: Vectors
    tiles: Vectors


def evaluate(
    models: Mapping[str, Path], shards: Shards, *, maps: Maps | None = None, options: Options | None = None
) -> Evaluation:
    """Measure checkpoints on one set of pairs, all on the same gallery.

    Args:
        models: Name → checkpoint folder.
        shards: The pairs, which no training saw.
        maps: Tiles with known truth; None: no maps.
        options: How to evaluate; None: the defaults of `Options`.

    Raises:
        UsageError: No pair can be decoded, or a name is taken.
        CheckpointError: A folder is no checkpoint.
    """
    options = options or Options()
    embedders = _load(models, options)
    pairs = draw_gallery(shards, options)
    done = Evaluation(shards.where, len(pairs.rows), 0, 0, dict(shards.problems))
    teachers: dict[str, _Teacher] = {}
    for name, embedder in embedders.items():
        done.models[name] = embedder.model_id
        done.training[name] = dict(embedder.meta.training or {})
        # by its weights, not its name: models of one teacher share its vectors, and stand beside one row of CLIP
        key = _teacher_key(models[name], embedder)
        new = key not in teachers
        overhead = _embed(name, embedder, shards, pairs, "tiles", options)
        teacher = teachers.get(key) or _teach(name, embedder, shards, pairs, options)
        sound = np.isfinite(overhead[:, 0]) & np.isfinite(teacher.photos[:, 0])
        if not sound.all():  # only in the first round: what cannot be decoded is nobody's
            done.problems["undecodable"] = int((~sound).sum())
            pairs, overhead = pairs[sound], overhead[sound]
            teacher = _Teacher(teacher.photos[sound], teacher.tiles[sound])
        if not len(pairs.rows):
            raise UsageError(f"shards {shards.where}: not one pair can be decoded: check the pictures in them")
        if new:
            label = TEACHER if not teachers else f"{TEACHER} of {name}"
            teachers[key] = teacher
            done.rows.append(_row(label, ALONE, teacher.tiles, teacher.photos, pairs, options))
        # each model's own way of comparing photos; CLIP's row above takes them as they are
        photos = embedder.compared(teacher.photos)
        for given, s in expectations(embedder, overhead, lat=pairs.lat, lon=pairs.lon, when=pairs.when).items():
            if given == ALONE and _is_plain_clip(embedder):
                continue  # that is its teacher's row
            done.rows.append(_row(name, given, s, photos, pairs, options))
            if given == MOMENT:
                done.swaps.append(_swap(name, s, photos, pairs, options))
        if maps is not None:
            done.maps += _maps(name, embedder, maps, options, teacher=new)
    done.pairs, done.places = len(pairs.rows), len(np.unique(pairs.place))
    done.undated = int(np.isnat(pairs.when).sum())
    return done


def _load(models: Mapping[str, Path], options: Options) -> dict[str, Embedder]:
    if not models or any(name.startswith(TEACHER) for name in models):
        raise UsageError(f"models {list(models)}: give at least one, under a name that does not start with {TEACHER}")
    return {
        name: Embedder.load(folder, precision=options.precision, device=options.device)
        for name, folder in models.items()
    }


def draw_gallery(shards: Shards, options: Options) -> SampleGallery:
    """Draw the gallery; all samples where they are not more."""
    rows = np.arange(len(shards))
    if len(rows) > options.gallery:
        rows = np.sort(np.random.default_rng(options.seed).choice(rows, options.gallery, replace=False))
    place = shards.place[rows]
    unknown = place == MISSING  # then photos of one spot are of one place
    # five decimals are about a metre
    spots = np.unique(np.round([shards.lat[rows], shards.lon[rows]], 5), axis=1, return_inverse=True)[1].ravel()
    # negative: a spot's number must not be that of a named place
    labels = np.where(unknown, -1 - spots, np.unique(place, return_inverse=True)[1].ravel())
    return SampleGallery(rows, shards.lat[rows], shards.lon[rows], shards.when[rows], labels)


def _embed(name: str, embedder: Embedder, shards: Shards, pairs: SampleGallery, what: str, options: Options) -> Vectors:
    """Vectors of the gallery's `tiles`, its `photos`, or its `tiles as photos`."""
    part: Part = "groundlevel" if what == "photos" else "overhead"
    role: Role = "tile" if what == "tiles" else "photo"
    about = f"{name}: {what}"
    return options.embed(embedder, shards, pairs.rows, part=part, role=role, what=about, progress=options.progress)


def _teach(name: str, embedder: Embedder, shards: Shards, pairs: SampleGallery, options: Options) -> _Teacher:
    photos = _embed(name, embedder, shards, pairs, "photos", options)
    return _Teacher(photos, _embed(name, embedder, shards, pairs, "tiles as photos", options))


def _teacher_key(folder: Path, embedder: Embedder) -> str:
    """Hash of the frozen tower of photos, which several models may share."""
    spec = embedder.meta.ground
    # what it is called, and under which prefix it lies, makes no other tower of it
    about = asdict(replace(spec, arch="", stored_as="")), asdict(embedder.meta.ground_input)
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(read_tensors(folder, f"{spec.stored_as}.").items()):
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _is_plain_clip(embedder: Embedder) -> bool:
    """Whether tiles and photos go through one tower, and place and time through none."""
    meta = embedder.meta
    same = meta.ground.stored_as == meta.overhead.stored_as and meta.ground_input == meta.overhead_input
    return same and not embedder.has_encoder


def _row(model: str, given: str, s: Vectors, photos: Vectors, pairs: SampleGallery, options: Options) -> EvaluationRow:
    """Retrieval in both directions, and the silhouette."""
    directions = []
    # row i of both is one pair: the only right answer
    for queries, gallery in ((s, photos), (photos, s)):
        measures = metrics.recalls(metrics.ranks(queries, gallery))
        directions.append({name: _bootstrap(m, pairs.place, options) for name, m in measures.items()})
    one_a_place = np.unique(pairs.place, return_index=True)[1]  # copies of a tile would be clusters of their own
    curve = silhouette_curve(s[one_a_place], draws=options.draws, seed=options.seed)
    return EvaluationRow(model, given, directions[0], directions[1], curve)


def _swap(model: str, s: Vectors, photos: Vectors, pairs: SampleGallery, options: Options) -> Swap:
    """Of two photos of one place at another hour or season: the right one from tile, place and time."""
    a, b, by_hour, by_season = moments_apart(pairs.place, pairs.when, seed=options.seed)
    right = time_swap(s, photos, a, b).mean(axis=1)
    kinds = {
        "hour or season": np.ones(len(a), bool),
        "hour alone": by_hour & ~by_season,
        "season alone": by_season & ~by_hour,
        "both": by_hour & by_season,
    }
    accuracy = {
        kind: Estimate.of(_bootstrap(metrics.mean(right[chosen]), pairs.place[a[chosen]], options))
        for kind, chosen in kinds.items()
    }
    return Swap(model, {kind: int(chosen.sum()) for kind, chosen in kinds.items()}, accuracy)


def _bootstrap(measure: metrics.Weighted, groups: Ints, options: Options) -> Floats:
    return metrics.bootstrap(measure, len(groups), groups=groups, draws=options.draws, seed=options.seed)


def _maps(name: str, embedder: Embedder, maps: Maps, options: Options, *, teacher: bool) -> list[MapScores]:
    """Maps of one model, and of its teacher where that is new."""
    rows = np.arange(len(maps.tiles))

    def vectors(role: Role) -> Vectors:
        what = f"{name}: tiles of the maps" + (", as photos" if role == "photo" else "")
        found = options.embed(
            embedder, maps.tiles, rows, part="overhead", role=role, what=what, progress=options.progress
        )
        if not np.isfinite(found[:, 0]).all():
            broken = maps.tiles.keys[int(np.argmin(np.isfinite(found[:, 0])))]
            raise UsageError(f"shards {maps.tiles.where}: tile {broken} cannot be decoded: write the tiles again")
        return found

    texts = metrics.unit(embedder.embed_texts([prompt.text for prompt in maps.prompts]))
    asked = [(name, vectors("tile"), embedder if embedder.has_encoder else None)]
    if teacher:
        asked.insert(0, (f"{TEACHER} of {name}", vectors("photo"), None))
    if teacher and _is_plain_clip(embedder):
        # its tiles are seen by the teacher itself: the two rows would be one
        asked.pop()
    return [
        zero_shot(
            model,
            tiles=(maps.tiles.keys, vector, maps.tiles.lat, maps.tiles.lon),
            truth=maps.truth,
            prompts=maps.prompts,
            texts=texts,
            at=None if knows is None else knows.at,
            draws=options.draws,
            progress=options.progress,
        )
        for model, vector, knows in asked
    ]
