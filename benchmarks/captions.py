"""Do captions say what is there and when? Against the captions of the photo taken at the place, on unseen blocks.

    python -m benchmarks.captions [SHARDS] [--checkpoint DIR] [--captioner DIR] [--samples 3000] [--work DIR] [--json]

SHARDS is a split with captions that the captioner never saw (`groundcast sandbox shards`: test_strict); without it
such pairs are drawn in a temporary folder. Each tile is captioned by the captioner and by the phrase bank: with place
and time (as the app says it: the moment is known, and no other is named; or guessed from S as the scene is), without
(S = O), and from the teacher's own embedding of the tile, that is, a CLIP that has learnt nothing of tiles. The
captioner takes lengths seriously, so the teacher's vectors are brought to the mean length of O for it.

likeness: the mean cosine of the caption with the photo's captions, as all-MiniLM-L6-v2 embeds them. Season and part of
the day are right where every one that the caption names is what a person would call the moment: by the calendar and the
sun (`trainer.captioning.daytime`) or, on the sandbox planet, by the planet's own words for it (snow is winter, twilight
evening). Vectors and captions are kept in --work: the same command goes on where it stopped.
"""

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from ingest.sandbox.laboratory import amounts
from ingest.sandbox.moment import season as planets_season
from ingest.sandbox.pairs import write_shards
from ingest.sandbox.source import planet
from trainer.bundled import add_bundled
from trainer.captioning import daytime
from trainer.captioning.captions import BEAMS, load_captioner
from trainer.captioning.folder import captioner_of
from trainer.captioning.phrases import PhraseBank
from trainer.captioning.samples import overhead_vectors
from trainer.earth import sun_altitude_deg
from trainer.embedder import Embedder
from trainer.experiments.likeness import Likeness
from trainer.measures import metrics
from trainer.measures.embedding import embed_pictures
from trainer.shards.tars import Shards

Floats = np.ndarray[Any, Any]
GUESSED = ", moment guessed"
WITH, WITHOUT, TEACHER = "with place and time", "without", "the teacher on the tile"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="?", help="a split with captions [drawn for it]")
    parser.add_argument("--checkpoint", type=Path, help="the model [the bundled one]")
    parser.add_argument("--captioner", type=Path, help="its captioner [the model's own]")
    parser.add_argument("--samples", type=int, default=3000, help="photos, drawn evenly")
    parser.add_argument("--work", type=Path, help="where vectors and captions are kept [.cache beside the shards]")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        shards = asked.shards or drawn(Path(scratch), asked.samples)
        work = asked.work or shards / ".cache"
        checkpoint = asked.checkpoint or Path(scratch) / "model"
        if asked.checkpoint is None:
            add_bundled(checkpoint)
        rows = measure(shards, checkpoint, asked.captioner, asked.samples, work)
    found = {(row["by"], row["input"]): row for row in rows}
    ratios = {
        f"{by}: {name}": round(found[by, high]["likeness"] - found[by, low]["likeness"], 4)
        for by in ("captioner", "phrases")
        if (by, TEACHER) in found
        for name, high, low in (("above the teacher", WITH, TEACHER), ("with time above without", WITH, WITHOUT))
    }
    if asked.json:
        setting = {"shards": shards.name, "photos": rows[0]["photos"]}
        print(json.dumps({"benchmark": "captions", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(f"{'by':22} {'input':24} likeness [95 %]        season right (said)  part of the day right (said)")
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['by']:22} {row['input']:24} {row['likeness']:.4f} [{low:.4f} {high:.4f}]  "
            f"{row['season_right']:.3f} ({row['season_said']:.3f})        "
            f"{row['part_right']:.3f} ({row['part_said']:.3f})"
        )
    print(ratios)


def drawn(folder: Path, samples: int) -> Path:
    """So many pairs of blocks of the sandbox planet that training never saw."""
    write_shards(folder / "shards", amounts(samples, tiles=1), processes=os.cpu_count() or 1, progress=lambda _: None)
    return folder / "shards" / "test_strict"


def measure(folder: Path, checkpoint: Path, own: Path | None, count: int, work: Path) -> list[dict[str, Any]]:
    """One row a method and input."""
    shards, embedder = Shards(folder), Embedder.load(checkpoint, precision="float32")
    every = [i for i in range(len(shards)) if not np.isnat(shards.when[i])]
    rows = np.array(every)[np.linspace(0, len(every) - 1, min(count, len(every))).astype(int)]
    texts = [[text for text in shards.captions(i) if text.strip()] for i in rows.tolist()]
    rows = rows[[bool(said) for said in texts]]
    texts = [said for said in texts if said]
    inputs = _inputs(shards, embedder, rows, work)
    slots = [daytime.slot(when, lat=lat, lon=lon) for when, lat, lon in (_moment(shards, i) for i in rows.tolist())]
    captioner_folder = own or captioner_of(checkpoint, embedder.model_id)
    ways: list[tuple[str, str, Callable[[Floats], list[str]]]] = []
    if captioner_folder is not None:
        captioner = load_captioner(captioner_folder, model_id=embedder.model_id)
        say = partial(captioner.captions, embed=embedder.embed_texts)
        ways.append(("captioner", WITH, partial(say, slots=slots)))
        ways += [("captioner" + GUESSED * (name == WITH), name, say) for name in inputs]
        ways.append(("captioner, likeliest sentence", WITH, partial(captioner.captions, slots=slots)))
    bank = PhraseBank(embedder.embed_texts)
    ways.append(("phrases", WITH, lambda vectors: _at_moments(bank, vectors, slots)))
    for by, name, timed in (
        ("phrases", WITHOUT, False),
        ("phrases", TEACHER, False),
        ("phrases" + GUESSED, WITH, True),
    ):
        say = partial(bank.captions, season=timed, part=timed)
        ways.append((by, name, lambda vectors, say=say: [caption.text for caption in say(vectors)]))
    likeness, told = Likeness(), []
    for by, name, say in ways:
        of = _fingerprint(captioner_folder) if by.startswith("captioner") else ["".join(bank.scenes)]
        known = _kept(work, [by, name, *of], inputs[name])
        if not known.exists():
            known.write_text(json.dumps(say(inputs[name])), "utf-8")
        said = json.loads(known.read_text("utf-8"))
        told.append({"by": by, "input": name, "photos": len(rows)} | _judge(said, texts, shards, rows, likeness))
    return told


def _at_moments(bank: PhraseBank, vectors: Floats, slots: Sequence[daytime.Slot]) -> list[str]:
    """The nearest phrase that names the moment, as the app says it."""
    return [bank.captions_at(vector[None], slot)[0].text for vector, slot in zip(vectors, slots, strict=True)]


def _moment(shards: Shards, i: int) -> tuple[datetime, float, float]:
    """When and where a photo was taken."""
    return cast(datetime, shards.when[i].astype("datetime64[s]").item()), float(shards.lat[i]), float(shards.lon[i])


def _inputs(shards: Shards, embedder: Embedder, rows: Floats, work: Path) -> dict[str, Floats]:
    """S of each tile with place and time, without, and the teacher's embedding at the mean length of O."""
    o = overhead_vectors(shards, embedder, work)[rows].astype(np.float32)
    path = _kept(work, [embedder.model_id, "teacher"], rows)
    if not path.with_suffix(".npy").exists():
        np.save(path.with_suffix(".npy"), embed_pictures(embedder, shards, rows, part="overhead", role="photo"))
    teacher = np.load(path.with_suffix(".npy"))
    s = embedder.at(o, lat=shards.lat[rows], lon=shards.lon[rows], when=cast(Any, shards.when[rows]))
    longer = np.linalg.norm(o, axis=1).mean() / np.linalg.norm(teacher, axis=1).mean()
    return {WITH: s, WITHOUT: o, TEACHER: teacher * longer}


def _judge(
    said: Sequence[str], texts: Sequence[Sequence[str]], shards: Shards, rows: Floats, likeness: Likeness
) -> dict[str, Any]:
    """Likeness with its interval over places, and what is said of the moment."""
    vectors = likeness.sentences(said)
    cosine = np.array([float((v @ likeness.sentences(t).T).mean()) for v, t in zip(vectors, texts, strict=True)])
    draws = metrics.bootstrap(metrics.mean(cosine), len(cosine), groups=shards.place[rows])
    estimate = metrics.Estimate.of(draws)
    seasons, parts = [], []
    for i, caption in zip(rows.tolist(), said, strict=True):
        when, lat, lon = _moment(shards, i)
        named, part = daytime.said_seasons(caption), daytime.said_parts(caption)
        if named:
            seasons.append(named <= _seasons(when, lat, lon))
        if part:
            parts.append(part <= _parts(when, lat, lon))
    return {
        "likeness": round(estimate.value, 4),
        "interval": [round(estimate.low, 4), round(estimate.high, 4)],
        "season_right": round(float(np.mean(seasons or [0])), 4),
        "season_said": round(len(seasons) / len(rows), 4),
        "part_right": round(float(np.mean(parts or [0])), 4),
        "part_said": round(len(parts) / len(rows), 4),
        "examples": list(said[:: max(1, len(said) // 5)][:5]),
    }


def _seasons(when: datetime, lat: float, lon: float) -> set[str | None]:
    """What the season may be called: by the months, and as it looks on the planet."""
    height = planet().elevation_m(lat=np.array([lat]), lon=np.array([lon]))
    now = planets_season(lat=[lat], elevation_m=height, when=when)
    looks = {
        "winter": now.snow[0] > 0.5 or now.leaf[0] < 0.2,
        "autumn": now.autumn[0] > 0.5,
        "spring": now.blossom[0] > 0.3,
        "summer": now.warmth[0] > 0.65,
    }
    return {daytime.season(when, lat=lat)} | {name for name, true in looks.items() if true}


def _parts(when: datetime, lat: float, lon: float) -> set[str | None]:
    """What the part of the day may be called: by the sun, and as the planet's people say it."""
    hour, sun = when.hour + when.minute / 60, float(sun_altitude_deg(lat=[lat], lon=[lon], when=when)[0])
    allowed = {daytime.part_of_day(when, lat=lat, lon=lon)}
    if sun < -7:
        allowed.add("night")
    elif sun < 5:
        allowed.add("morning" if hour < 12 else "evening")
    elif 11 <= hour < 13.5:
        allowed.add("noon")
    return allowed


def _fingerprint(folder: Path | None) -> list[str]:
    """What the captions depend on beside the vectors."""
    if folder is None:
        return []
    return [hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16], str(BEAMS)]


def _kept(work: Path, about: Sequence[str], content: Floats) -> Path:
    """Where something is kept."""
    digest = hashlib.sha256(np.ascontiguousarray(content).tobytes() + "\0".join(about).encode())
    work.mkdir(parents=True, exist_ok=True)
    return work / f"captions-{digest.hexdigest()[:20]}.json"


if __name__ == "__main__":
    main()
