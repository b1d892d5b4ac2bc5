"""Fig. 3: the nine photos most like what a model expects at a tile, beside those that CLIP finds.

A photo is right if it shows something that the place's own photo shows (`subjects` in the metadata of the shards);
where the shards do not say what photos show, only whether the own photo is among the nine is measured.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.experiments.drawing import Strip, decode, draw_strips
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import GalleryPairs, Material
from trainer.measures import metrics
from trainer.measures.evaluate import TEACHER
from trainer.measures.metrics import Estimate, Floats, Ints, Vectors
from trainer.measures.report import number

K = 9
_SHOWN = 5
_CHUNK = 1000


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    pairs = material.pairs
    ways = {(TEACHER, "tile"): pairs.clip} | {(material.name, given): s for given, s in pairs.expected.items()}
    best = {way: nearest(s, pairs.photos if way[0] == TEACHER else pairs.compared, K) for way, s in ways.items()}
    shows = showing(pairs)
    asked = np.flatnonzero(shows.any(axis=1))
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, dict[str, float | None]] = {}
    for (model, given), nine in best.items():
        own = _estimate(material, (nine == np.arange(len(pairs))[:, None]).any(axis=1), pairs.gallery.place)
        right = None if not len(asked) else _right(shows, asked, nine)
        share = None if right is None else _estimate(material, right, pairs.gallery.place[asked])
        rows.append((model, given, number(own), "–" if share is None else number(share)))
        numbers[f"{model}, {given}"] = {
            "own photo among nine": own.value,
            "right": None if share is None else share.value,
        }
    chance = float(np.mean(_chance(shows, asked))) if len(asked) else float("nan")
    rows.append(("by chance", "", f"{K / len(pairs):.4f}", f"{chance:.3f}"))
    return ExperimentResult(
        title="The nine photos most like a tile",
        paper="Fig. 3",
        outcome=_outcome(material, numbers, chance),
        says=(
            f"For each of {len(pairs):,} tiles the {K} photos of {len(pairs):,} with the highest cosine, as the model "
            "compares photos, at the moment of the tile's own photo where the model takes one. A photo is right if it "
            f"shows something that the place's own photo shows; asked are the {len(asked):,} tiles whose photo shows "
            "anything. In brackets: bootstrap interval of 95 %, over places.",
            f"Pairs: {material.questions.about or pairs.shards.where}",
        ),
        tables=(
            Table(
                "top_nine",
                f"Of the {K} photos",
                ("model", "given", "own photo among them", "share that is right"),
                tuple(rows),
                texts=2,
            ),
        ),
        pictures=(_picture(material, folder / "top_nine.png", best, shows),),
        beside=(Beside("measured", "pictures only", "share of the nine that is right"),),
        numbers={**numbers, "by chance": chance},
    )


def _outcome(material: Material, numbers: Mapping[str, Mapping[str, float | None]], chance: float) -> str:
    mine = {name: found for name, found in numbers.items() if name.startswith(material.name)}
    best, clip = list(mine.values())[-1], numbers[f"{TEACHER}, tile"]
    if best["right"] is None or clip["right"] is None:
        return f"The place's own photo is among the nine of {best['own photo among nine']:.3f} of the tiles."
    return f"Of the nine photos {best['right']:.3f} are right, CLIP's {clip['right']:.3f}, by chance {chance:.3f}."


def nearest(s: Vectors, photos: Vectors, k: int) -> Ints:
    """Rows of the k photos with the highest cosine, best first, [n, k]."""
    q, g = metrics.unit(s), metrics.unit(photos)
    k = min(k, len(g))
    found = np.empty((len(q), k), np.int64)
    for start in range(0, len(q), _CHUNK):
        cosine = q[start : start + _CHUNK] @ g.T
        # the k best in any order, then sorted: nobody needs the order of ten thousand
        some = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosine, some, axis=1), axis=1, kind="stable")
        found[start : start + _CHUNK] = np.take_along_axis(some, order, axis=1)
    return found


def showing(pairs: GalleryPairs) -> npt.NDArray[np.bool_]:
    """Which photo shows what, bool [n, subjects]."""
    names = sorted(frozenset().union(*pairs.subjects))
    return np.array([[name in one for name in names] for one in pairs.subjects], bool).reshape(len(pairs), len(names))


def _right(shows: npt.NDArray[np.bool_], asked: Ints, nine: Ints) -> Floats:
    """Share of the nine that shows something that the own photo shows, [asked]."""
    share: Floats = (shows[nine[asked]] & shows[asked][:, None]).any(axis=2).mean(axis=1)
    return share


def _chance(shows: npt.NDArray[np.bool_], asked: Ints) -> Floats:
    """The same for photos drawn at random."""
    # photos that show the same count together: far fewer kinds than photos
    kinds, count = np.unique(shows, axis=0, return_counts=True)
    share: Floats = (shows[asked].astype(np.float32) @ kinds.T.astype(np.float32) > 0) @ (count / count.sum())
    return share


def _estimate(material: Material, values: npt.ArrayLike, groups: Ints) -> Estimate:
    v = np.asarray(values, np.float64)
    options = material.options
    return Estimate.of(
        metrics.bootstrap(metrics.mean(v), len(v), groups=groups, draws=options.draws, seed=options.seed)
    )


def _picture(
    material: Material, path: Path, best: Mapping[tuple[str, str], Ints], shows: npt.NDArray[np.bool_]
) -> Picture:
    """A few places drawn by the seed, each of another subject."""
    pairs, ours = material.pairs, list(best)[-1]
    strips = []
    for i in _places(material, shows):
        named = ", ".join(sorted(pairs.subjects[i])).replace("_", " ") or str(pairs.shards.keys[pairs.gallery.rows[i]])
        when = pairs.gallery.when[i]
        moment = "" if np.isnat(when) else f", {when.astype('datetime64[m]').item():%d %B %Y, %H:%M}"
        for way, label in ((ours, f"{ours[0]}, given {ours[1]}"), ((TEACHER, "tile"), TEACHER)):
            nine = best[way][i]
            images = [pairs.picture(i, "overhead"), pairs.picture(i, "groundlevel")]
            images += [pairs.picture(int(j), "groundlevel") for j in nine]
            framed = [False, False, *(bool((shows[i] & shows[j]).any()) for j in nine)]
            strips.append(Strip(f"{named}{moment} · {label}", [decode(image) for image in images], framed))
    caption = (
        "Tile, photo taken there, and the nine photos most like the tile. Green: shows something that the place's own "
        "photo shows. Places are drawn by the seed, not chosen."
    )
    return draw_strips(path, strips, caption)


def _places(material: Material, shows: npt.NDArray[np.bool_]) -> list[int]:
    pairs = material.pairs
    taken: set[frozenset[str]] = set()
    found: list[int] = []
    for i in np.random.default_rng(material.options.seed).permutation(len(pairs)).tolist():
        # each place of another subject, so that a page does not show five beaches
        named = pairs.subjects[i]
        if np.isnat(pairs.gallery.when[i]) or (shows.any() and (not named or named in taken)):
            continue
        taken.add(named)
        found.append(i)
        if len(found) == _SHOWN:
            break
    return found
