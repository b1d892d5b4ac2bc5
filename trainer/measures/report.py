"""What an evaluation says: tables in Markdown, which read as well in a terminal, and one JSON document.

Every number stands with its bootstrap interval of 95 %, every recall with the size of its gallery. Nothing here
measures anything.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.measures.evaluate import TEACHER, Evaluation, EvaluationRow
from trainer.measures.maps import ANY_TIME, AT_A_MOMENT, OVER_MOMENTS, WAYS, WITHOUT_E, MapScores
from trainer.measures.metrics import Estimate, Floats

DIRECTIONS = (("overhead → ground", "overhead_to_ground"), ("ground → overhead", "ground_to_overhead"))
_MEASURES = ("auroc", "ap", "rho")


def report(done: Evaluation, *, as_published: bool = False) -> str:
    """All tables of an evaluation, as Markdown.

    Args:
        done: What was measured, on one folder of shards.
        as_published: Print the retrieval as the paper's Table 1 does, whose two median columns are swapped.
    """
    undated = f", {done.undated} of them without a date" if done.undated else ""
    broken = "".join(f"; {count} {reason}" for reason, count in sorted(done.problems.items()))
    parts = [
        f"# {done.shards}",
        f"Gallery: {done.pairs} pairs from {done.places} places{undated}{broken}. "
        "In brackets: bootstrap interval of 95 %, over places.",
        "Models: " + ", ".join(f"{name} ({model_id})" for name, model_id in done.models.items()) + ".",
        *(_published(done) if as_published else _retrieval(done)),
        *_swaps(done),
        *_silhouettes(done),
    ]
    for scores in done.maps:
        parts += _map_summary(scores)
    for scores in done.maps:
        if not scores.model.startswith(TEACHER):
            parts += _map_concepts(scores)
    return "\n\n".join(parts) + "\n"


def to_json(done: Evaluation) -> dict[str, Any]:
    """The evaluation as JSON values; what is not defined is null."""
    return {
        "shards": done.shards,
        "gallery": done.pairs,
        "places": done.places,
        "undated": done.undated,
        "problems": done.problems,
        "models": done.models,
        "training": done.training,
        "retrieval": [_row_json(row) for row in done.rows],
        "ratios_of_recall_at_10": {
            direction: {m: {o: _json(e) for o, e in others.items()} for m, others in ratios(done, direction).items()}
            for _, direction in DIRECTIONS
        },
        "time_swap": [
            {"model": s.model, "pairs": s.pairs, "accuracy": {kind: _json(e) for kind, e in s.accuracy.items()}}
            for s in done.swaps
        ],
        "maps": [_maps_json(scores) for scores in done.maps],
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """A Markdown table, aligned; the first so many columns are texts, to the left, the others numbers, to the right."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    lines = [
        "| "
        + " | ".join(f"{c:{'<' if i < texts else '>'}{w}}" for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        + " |"
        for line in (head, *rows)
    ]
    # a colon at the end tells Markdown to align a column to the right
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i < texts else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def number(estimate: Estimate, digits: int = 3) -> str:
    """`0.591 [0.581 0.601]`; a dash where it is not defined."""
    if not math.isfinite(estimate.value):
        return "–"
    ends = f"{estimate.low:.{digits}f} {estimate.high:.{digits}f}" if math.isfinite(estimate.low) else "–"
    return f"{estimate.value:.{digits}f} [{ends}]"


def times_teacher(done: Evaluation, row: EvaluationRow, direction: str, measure: str = "R@10") -> Estimate:
    """How many times the first teacher's value this row has."""
    first: Floats = getattr(done.rows[0], direction)[measure]
    with np.errstate(divide="ignore", invalid="ignore"):
        # draw by draw, of the same queries: the interval is that of the ratio
        return Estimate.of(getattr(row, direction)[measure] / first)


def _learnt(done: Evaluation, row: EvaluationRow) -> str:
    """How the model met place and time in training: the paper's two columns, dynamic encoder and dropout."""
    training = done.training.get(row.model)
    if row.model.startswith(TEACHER) or not training:
        return ""
    if training.get("encoding") in (None, "none"):
        return "no E"
    dropped = any(training.get(key) for key in ("coin", "mask_place", "mask_date", "mask_hour", "mask_all"))
    return "E, dropout" if dropped else "E, no dropout"


def _retrieval(done: Evaluation) -> list[str]:
    """One table a direction."""
    parts = []
    for title, direction in DIRECTIONS:
        names = list(getattr(done.rows[0], direction))
        rows = []
        for row in done.rows:
            cells = [number(Estimate.of(v), 1 if k == "median" else 3) for k, v in getattr(row, direction).items()]
            times = times_teacher(done, row, direction)
            ratio = "" if row.model.startswith(TEACHER) or not math.isfinite(times.value) else number(times, 1)
            rows.append([row.model, _learnt(done, row), row.given, *cells, ratio])
        head = ["model", "trained with", "given", *names, "R@10 ÷ CLIP's"]
        parts += [f"## {title}, gallery {done.pairs}", table(head, rows, texts=3)]
    return [*parts, *_ratios(done)]


def ratios(done: Evaluation, direction: str, measure: str = "R@10") -> dict[str, dict[str, Estimate]]:
    """Each model's value ÷ each other's, all of them given as much as they take; model → other → ratio."""
    rows = {row.model: getattr(row, direction)[measure] for row in done.rows}  # the last of a model is given most
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            model: {other: Estimate.of(value / theirs) for other, theirs in rows.items() if other != model}
            for model, value in rows.items()
        }


def _ratios(done: Evaluation) -> list[str]:
    """Which model beats which, where there are several."""
    if len({row.model for row in done.rows}) < 3:
        return []
    parts = ["## R@10 ÷ R@10, same queries and draws, each model given as much as it takes"]
    for title, direction in DIRECTIONS:
        found = ratios(done, direction)
        rows = [
            [model, *("" if other == model else number(others[other], 2) for other in found)]
            for model, others in found.items()
        ]
        parts.append(table([title, *(f"÷ {model}" for model in found)], rows))
    return parts


def _published(done: Evaluation) -> list[str]:
    """The paper's Table 1, with its medians in each other's place."""
    rows = []
    for row in done.rows:
        to_ground, to_overhead = row.overhead_to_ground, row.ground_to_overhead
        cells = [to_ground["R@5"], to_ground["R@10"], to_overhead["median"]]
        # the other direction's median: as the paper prints it
        cells += [to_overhead["R@5"], to_overhead["R@10"], to_ground["median"]]
        shown = [number(Estimate.of(c), 1 if i % 3 == 2 else 3) for i, c in enumerate(cells)]
        rows.append([row.model, _learnt(done, row), row.given, *shown])
    head = ["model", "trained with", "given", "O→G R@5", "R@10", "median", "G→O R@5", "R@10", "median"]
    return [
        f"## Retrieval as published, gallery {done.pairs}",
        table(head, rows, texts=3),
        "As in the paper's Table 1, each median stands in the column of the **other** direction: the column after O→G "
        "is the median of ground → overhead, and the reverse. Without `--as-published` they stand where they belong.",
    ]


def _swaps(done: Evaluation) -> list[str]:
    if not done.swaps:
        return []
    kinds = list(done.swaps[0].accuracy)
    rows = [[s.model, *(f"{number(s.accuracy[k])} of {s.pairs[k]}" for k in kinds)] for s in done.swaps]
    return [
        "## Time swap",
        "Two photos of one place, a quarter of the day or of the year apart; which is that of this tile, place and "
        "time? Share of right choices [interval] of so many pairs; guessing gives 0.5.",
        table(["model", *kinds], rows),
    ]


def _silhouettes(done: Evaluation) -> list[str]:
    ks = list(done.rows[0].silhouette)
    if not ks:
        return []
    rows = [[row.model, row.given, *(number(row.silhouette[k]) for k in ks)] for row in done.rows]
    return ["## Silhouette of k-means clusters", table(["model", "given", *(f"k = {k}" for k in ks)], rows, texts=2)]


def _map_summary(scores: MapScores) -> list[str]:
    """Means over concepts, the worst concept, and texts never seen."""
    rows = []
    for way in WAYS:
        mean = scores.over_concepts(way)
        if mean is None:
            continue
        by_concept = scores.concepts(way)
        worst = min(by_concept, key=lambda c: by_concept[c][0])
        others = [scores.over_concepts(way, m) for m in ("soft", "ap", "rho")]
        unseen = scores.over_prompts(way, unseen=True)
        rows.append(
            [
                way,
                str(len(by_concept)),
                number(mean),
                f"{worst} {number(Estimate.of(by_concept[worst]))}",
                *(number(e) for e in others if e is not None),
                "" if unseen is None else f"{number(unseen[0])} of {unseen[1]}",
            ]
        )
    head = ["asked", "concepts", "mean AUROC", "worst concept", "soft AUROC", "AP", "rank corr.", "AUROC, unseen texts"]
    lacking = [f"{way}: {', '.join(names)}" for way, names in scores.unanswerable.items()]
    note = f" Too few places to score – {'; '.join(lacking)}." if lacking else ""
    return [
        f"## Maps of {scores.model}: {scores.tiles} tiles, {scores.moments} moments",
        f"Interval of the mean over concepts: other neighbourhoods; of unseen texts: other texts.{note}",
        table(head, rows),
    ]


def _map_concepts(scores: MapScores) -> list[str]:
    """One row a concept."""
    ways = [way for way in (ANY_TIME, AT_A_MOMENT, OVER_MOMENTS) if scores.over_concepts(way) is not None]
    names = sorted({s.prompt.concept for s in scores.scores})
    columns = {(way, m): scores.concepts(way, m) for way in ways for m in _MEASURES}
    withheld = {way: scores.concepts(way + WITHOUT_E) for way in ways if way != ANY_TIME}
    places = {(s.prompt.concept, s.way): (s.places, s.tiles) for s in scores.scores}
    rows = []
    for name in names:
        cells = [name]
        for way in ways:
            share = places.get((name, way))
            cells.append("–" if share is None else f"{100 * share[0] / share[1]:.1f} %")
            cells += [number(Estimate.of(columns[way, m][name])) if name in columns[way, m] else "–" for m in _MEASURES]
            if withheld.get(way):
                cells.append(f"{withheld[way][name][0]:.3f}" if name in withheld[way] else "–")
        rows.append(cells)
    head = ["concept"]
    for way in ways:
        head += [f"{way}: places", "AUROC", "AP", "rank corr."]
        head += ["AUROC without E"] if withheld.get(way) else []
    return [f"### Maps of {scores.model}, by concept", table(head, rows)]


def _json(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: value if math.isfinite(value) else None for name, value in ends.items()}


def _row_json(row: EvaluationRow) -> dict[str, Any]:
    directions = {d: {k: _json(Estimate.of(v)) for k, v in getattr(row, d).items()} for _, d in DIRECTIONS}
    curve = {str(k): _json(e) for k, e in row.silhouette.items()}
    return {"model": row.model, "given": row.given, **directions, "silhouette": curve}


def _maps_json(scores: MapScores) -> dict[str, Any]:
    summary = {}
    for way in WAYS:
        by_concept = scores.concepts(way)
        unseen = scores.over_prompts(way, unseen=True)
        if by_concept:
            summary[way] = {
                "concepts": len(by_concept),
                "mean": {m: _json(scores.over_concepts(way, m)) for m in ("auroc", "soft", "ap", "rho")},
                "worst": {"concept": min(by_concept, key=lambda c: by_concept[c][0])}
                | {"auroc": min(float(v[0]) for v in by_concept.values())},
                "unseen": None if unseen is None else {"prompts": unseen[1], "auroc": _json(unseen[0])},
            }
    return {
        "model": scores.model,
        "tiles": scores.tiles,
        "moments": scores.moments,
        "summary": summary,
        "unanswerable": scores.unanswerable,
        "scores": [
            {"concept": s.prompt.concept, "text": s.prompt.text, "unseen": s.prompt.unseen, "asked": s.way}
            | {"maps": s.maps, "tiles": s.tiles, "places": s.places}
            | {k: _json(Estimate.of(v)) for k, v in s.measures.items()}
            for s in scores.scores
        ],
    }
