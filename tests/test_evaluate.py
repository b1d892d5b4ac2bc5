"""Evaluation: on a made-up world of coloured squares, whose photos are the tiles themselves, darker by night."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from tests.conftest import TINY_CLIP
from trainer.checkpoint import read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.encoding import encode
from trainer.errors import UsageError
from trainer.measures import maps as evaluate_maps
from trainer.measures.evaluate import Evaluation, EvaluationRow, Options, evaluate
from trainer.measures.maps import (
    ANY_TIME,
    AT_A_MOMENT,
    OVER_MOMENTS,
    WITHOUT_E,
    MapScores,
    Prompt,
    Truth,
    read_truth,
    zero_shot,
)
from trainer.measures.metrics import Estimate
from trainer.measures.plots import plot
from trainer.measures.report import report, to_json
from trainer.shards.tars import Shards, ShardWriter
from trainer.weights.zoo import add_open_clip

PLACES, VISITS = 40, 3
FEW = Options(draws=30, device="cpu", precision="float32")


def scene(place: int) -> np.ndarray:
    """Nine coloured squares, others for every place."""
    colours = np.random.default_rng(place).integers(60, 256, (3, 3, 3))
    return np.kron(colours, np.ones((16, 16, 1))).astype(np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def light(when: datetime) -> float:
    return 0.55 - 0.45 * float(np.cos(2 * np.pi * when.hour / 24))


def where(place: int) -> tuple[float, float]:
    return 10 + place / 10, 20 - place / 7


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Shards of pairs, `test_a`; shards of tiles, `tiles`; truth of concepts `red` and `day`."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(0)
    with ShardWriter(folder / "test_a", "pairs", samples_per_shard=50) as shards:
        for i in range(PLACES * VISITS):
            place = i % PLACES
            when = datetime(2020, 1, 1, 4 + 8 * (i // PLACES)) + timedelta(days=int(random.integers(0, 300)))
            lat, lon = where(place)
            metadata = {"latitude": lat, "longitude": lon, "date_taken": when, "place": f"p{place}"}
            shards.write(f"k{i}", jpeg((scene(place) * light(when)).astype(np.uint8)), jpeg(scene(place)), metadata)
    with ShardWriter(folder / "tiles", "tiles") as shards:
        for place in range(PLACES):
            lat, lon = where(place)
            shards.write(f"t{place}", None, jpeg(scene(place)), {"latitude": lat, "longitude": lon})
    red = [float(scene(p)[..., 0].mean() > scene(p)[..., 1].mean()) for p in range(PLACES)]
    ids = [f"t{p}" for p in range(PLACES)]
    moments = [None, datetime(2020, 6, 1, 12), datetime(2020, 6, 1, 0)]
    columns = {
        "tile_id": ids * 6,
        "concept": ["red"] * 3 * PLACES + ["day"] * 3 * PLACES,
        "probability": red * 3 + [1.0] * 2 * PLACES + [0.0] * PLACES,
        "when": [m for m in moments for _ in ids] * 2,
    }
    pq.write_table(pa.table(columns), folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip") / "clip"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    return folder


def with_encoder(clip: Path, target: Path, encoder: dict[str, torch.Tensor], encoding: str = "cyclic") -> Path:
    """The same towers, with an encoder of place and time beside them."""
    meta, tensors = read_meta(clip), read_tensors(clip)
    training = {"encoding": encoding, "mask_date": 0.3}
    tensors |= {f"encoder.{k}": v.float() for k, v in encoder.items()}
    write_checkpoint(target, replace(meta, encoding=encoding, training=training), tensors)
    return target


def encoder_of(w2: np.ndarray | None = None, inputs: int = 11) -> dict[str, torch.Tensor]:
    """An encoder with a fixed random first layer; without a second one it adds nothing."""
    random = np.random.default_rng(1)
    w1, b1 = random.normal(size=(64, inputs)), random.normal(size=64)
    second = np.zeros((32, 65)) if w2 is None else w2
    layers = {"fc1.weight": w1, "fc1.bias": b1, "fc2.weight": second[:, :64], "fc2.bias": second[:, 64]}
    return {name: torch.from_numpy(np.array(layer)) for name, layer in layers.items()}


@pytest.fixture(scope="module")
def blind(clip: Path, tmp_path_factory) -> Path:
    """Its encoder adds nothing."""
    return with_encoder(clip, tmp_path_factory.mktemp("blind") / "blind", encoder_of())


@pytest.fixture(scope="module")
def knowing(clip: Path, world: Path, tmp_path_factory) -> Path:
    """Its encoder has learnt what the hour does to a photo, by least squares."""
    embedder, shards = Embedder.load(clip, device="cpu", precision="float32"), Shards(world / "test_a")
    pictures = {
        part: [Image.open(io.BytesIO(shards.picture(i, part))) for i in range(len(shards))]
        for part in ("overhead", "groundlevel")
    }
    o, g = embedder.embed_tiles(pictures["overhead"]), embedder.embed_photos(pictures["groundlevel"])
    first = encoder_of()
    m = encode("cyclic", lat=shards.lat, lon=shards.lon, when=shards.when).values
    z = np.maximum(m @ first["fc1.weight"].numpy().T + first["fc1.bias"].numpy(), 0)
    w2 = np.linalg.lstsq(np.c_[z, np.ones(len(z))], g - o, rcond=1e-3)[0].T
    return with_encoder(clip, tmp_path_factory.mktemp("knowing") / "knowing", encoder_of(w2))


@pytest.fixture(scope="module")
def done(clip: Path, blind: Path, knowing: Path, world: Path) -> Evaluation:
    return evaluate({"plain": clip, "blind": blind, "knowing": knowing}, Shards(world / "test_a"), options=FEW)


def row(done: Evaluation, model: str, given: str = "tile") -> EvaluationRow:
    return next(r for r in done.rows if (r.model, r.given) == (model, given))


def value(measures: dict, name: str) -> float:
    return float(measures[name][0])


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_models_of_one_teacher_share_its_row_and_the_gallery(done: Evaluation) -> None:
    assert [(r.model, r.given) for r in done.rows] == [
        ("CLIP", "tile"),  # which is also what `plain` is
        *((m, g) for m in ("blind", "knowing") for g in ("tile", "tile + place", "tile + place + time")),
    ]
    assert (done.pairs, done.places, done.undated) == (PLACES * VISITS, PLACES, 0)


def test_an_encoder_that_adds_nothing_changes_nothing(done: Evaluation) -> None:
    clip = row(done, "CLIP")
    for given in ("tile", "tile + place", "tile + place + time"):
        same = row(done, "blind", given)
        for direction in ("overhead_to_ground", "ground_to_overhead"):
            for name, measure in getattr(clip, direction).items():
                assert np.array_equal(measure, getattr(same, direction)[name])
    assert done.swaps[0].accuracy["hour or season"] == Estimate(0.5, 0.5, 0.5)


def test_knowing_the_hour_finds_the_photo_and_tells_two_photos_apart(done: Evaluation) -> None:
    alone, timed = (row(done, "knowing", given) for given in ("tile", "tile + place + time"))
    for direction in ("overhead_to_ground", "ground_to_overhead"):
        assert value(getattr(timed, direction), "R@10") > 1.5 * value(getattr(alone, direction), "R@10")
    swap = done.swaps[1]
    assert (swap.model, swap.pairs["hour or season"]) == ("knowing", PLACES * VISITS)  # three pairs a place
    assert swap.accuracy["hour or season"].value > 0.8


def test_without_its_time_a_photo_shares_its_tile_with_others_of_the_place(done: Evaluation) -> None:
    # three photos of one place and one tile: from the photo, three equal tiles come first, and their middle is 2
    clip = row(done, "CLIP").ground_to_overhead
    assert value(clip, "R@1") == 0
    assert value(clip, "median") >= 2


def test_the_gallery_is_drawn_by_its_seed(clip: Path, world: Path) -> None:
    def drawn(seed: int) -> list[float]:
        found = evaluate({"m": clip}, Shards(world / "test_a"), options=replace(FEW, gallery=30, seed=seed))
        assert found.pairs == 30
        return [value(found.rows[0].overhead_to_ground, k) for k in ("R@1", "R@5", "median")]

    assert drawn(0) == drawn(0) != drawn(1)


def test_a_pair_that_cannot_be_decoded_is_left_out_and_counted(clip: Path, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "s") as shards:
        for i in range(12):
            whole, place = jpeg(scene(i)), {"latitude": 1.0 + i, "longitude": 2.0}
            shards.write(f"k{i}", whole[:300] if i == 3 else whole, b"no picture" if i == 5 else whole, place)
    found = evaluate({"m": clip}, Shards(tmp_path / "s"), options=FEW)
    assert (found.pairs, found.undated, found.problems) == (10, 10, {"undecodable": 2})
    assert value(found.rows[0].overhead_to_ground, "R@1") == 1  # photo and tile are the same picture
    assert "2 undecodable" in report(found)


def test_nothing_that_can_be_decoded_is_an_error(clip: Path, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "s") as shards:
        shards.write("k", b"no", b"no", {"latitude": 1, "longitude": 2})
    with pytest.raises(UsageError, match="not one pair can be decoded"):
        evaluate({"m": clip}, Shards(tmp_path / "s"), options=FEW)


def test_an_encoding_that_cannot_say_missing_is_not_asked_without_time(clip: Path, world: Path, tmp_path: Path) -> None:
    model = with_encoder(clip, tmp_path / "m", encoder_of(inputs=12), encoding="sat2cap")
    found = evaluate({"m": model}, Shards(world / "test_a"), options=FEW)
    assert [r.given for r in found.rows] == ["tile", "tile", "tile + place + time"]


def test_another_teacher_has_a_row_of_its_own(clip: Path, world: Path, tmp_path: Path) -> None:
    add_open_clip(tmp_path / "other", TINY_CLIP, random_seed=1)
    found = evaluate({"a": clip, "b": tmp_path / "other"}, Shards(world / "test_a"), options=FEW)
    assert [r.model for r in found.rows] == ["CLIP", "CLIP of b"]


# -- report ----------------------------------------------------------------------------------------------------------


def test_the_tables_say_gallery_intervals_and_how_each_model_was_trained(done: Evaluation) -> None:
    text = report(done)
    assert f"## overhead → ground, gallery {PLACES * VISITS}" in text
    line = next(line for line in text.splitlines() if line.startswith("| knowing") and "+ time" in line)
    assert "E, dropout" in line
    estimate = Estimate.of(row(done, "knowing", "tile + place + time").overhead_to_ground["R@10"])
    assert f"{estimate.value:.3f} [{estimate.low:.3f} {estimate.high:.3f}]" in line
    assert "## Time swap" in text
    assert "## Silhouette" in text


def test_as_published_each_median_stands_in_the_other_direction(done: Evaluation) -> None:
    text = report(done, as_published=True)
    line = next(line for line in text.splitlines() if line.startswith("| knowing") and "+ time" in line)
    cells = [c.strip() for c in line.strip("|").split("|")]
    timed = row(done, "knowing", "tile + place + time")
    assert cells[5].startswith(f"{value(timed.ground_to_overhead, 'median'):.1f}")
    assert cells[8].startswith(f"{value(timed.overhead_to_ground, 'median'):.1f}")
    assert cells[4].startswith(f"{value(timed.overhead_to_ground, 'R@10'):.3f}")
    assert "**other** direction" in text
    assert "gallery 120" in text


def test_the_json_has_every_number_with_its_interval(done: Evaluation) -> None:
    document = json.loads(json.dumps(to_json(done), allow_nan=False))
    assert document["gallery"] == PLACES * VISITS
    first = document["retrieval"][0]
    assert (first["model"], first["given"]) == ("CLIP", "tile")
    assert set(first["overhead_to_ground"]["R@10"]) == {"value", "low", "high"}
    ratio = document["ratios_of_recall_at_10"]["overhead_to_ground"]["knowing"]["blind"]
    assert ratio["value"] > 1.5
    assert ratio["low"] <= ratio["value"] <= ratio["high"]
    assert document["time_swap"][1]["pairs"]["hour or season"] == PLACES * VISITS


def test_every_plot_that_has_numbers_is_written(done: Evaluation, tmp_path: Path) -> None:
    assert [p.name for p in plot(done, tmp_path / "plots")] == ["recall.png", "silhouette.png", "time_swap.png"]
    for path in (tmp_path / "plots").iterdir():
        with Image.open(path) as image:
            assert min(image.size) > 500


# -- maps ------------------------------------------------------------------------------------------------------------

IDS = np.array([f"t{i}" for i in range(60)])
NOON, NIGHT = np.datetime64("2020-06-01T12:00"), np.datetime64("2020-06-01T00:00")
NEVER = np.datetime64("NaT")
HERE = (np.arange(60) < 20).astype(float)  # the first twenty tiles have it


def truth_of(**concepts: list[tuple[np.datetime64, np.ndarray]]) -> Truth:
    """Truth of concepts over all tiles, at moments."""
    rows = [(name, when, p) for name, maps in concepts.items() for when, p in maps]
    return Truth(
        tile=np.tile(np.arange(60)[::-1], len(rows)),  # in another order than the tiles
        tile_ids=IDS,
        concept=np.repeat([list(concepts).index(name) for name, _, _ in rows], 60),
        concepts=np.array(list(concepts)),
        probability=np.concatenate([p[::-1] for _, _, p in rows]),
        when=np.repeat(np.array([when for _, when, _ in rows], "datetime64[s]"), 60),
    )


def by_day(o: np.ndarray, *, lat: np.ndarray, lon: np.ndarray, when: np.ndarray) -> np.ndarray:
    """S that moves along the second axis at night."""
    night = np.asarray(when) == NIGHT
    return o + np.stack([-2.0 * night, np.zeros(len(night)), 2.0 * night], axis=1).astype(np.float32)


def score(truth: Truth, *prompts: Prompt, at: Callable | None = None) -> MapScores:
    """Maps of tiles whose first axis says that the thing is there; texts ask along that axis."""
    random = np.random.default_rng(0)
    vectors = np.stack([HERE + 0.1 * random.normal(size=60), 1 - HERE, np.zeros(60)], axis=1).astype(np.float32)
    lat, lon = 0.03 * np.arange(60.0), np.zeros(60)
    texts = np.tile(np.array([[1, 0, 0]], np.float32), (len(prompts), 1))
    return zero_shot(
        "m",
        tiles=(IDS, vectors, lat, lon),
        truth=truth,
        prompts=prompts,
        texts=texts,
        at=at,
        draws=20,
    )


def test_a_map_that_is_right_scores_one_whatever_the_order_of_the_rows() -> None:
    found = score(truth_of(thing=[(NEVER, HERE)]), Prompt("thing", "a thing"))
    assert found.over_concepts(ANY_TIME) == Estimate(1, 1, 1)
    wrong = score(truth_of(thing=[(NEVER, 1 - HERE)]), Prompt("thing", "a thing"))
    assert wrong.over_concepts(ANY_TIME).value == 0


def test_a_concept_is_the_mean_of_its_prompts_and_unseen_texts_stand_apart() -> None:
    truth = truth_of(thing=[(NEVER, HERE)], other=[(NEVER, 1 - HERE)])
    prompts = [Prompt("thing", "a"), Prompt("thing", "b"), Prompt("other", "c"), Prompt("other", "d", unseen=True)]
    found = score(truth, *prompts)
    assert {c: v[0] for c, v in found.concepts(ANY_TIME).items()} == {"thing": 1, "other": 0}
    assert found.over_concepts(ANY_TIME).value == 0.5
    estimate, count = found.over_prompts(ANY_TIME, unseen=True)
    assert (estimate.value, count) == (0, 1)


def test_time_is_scored_within_each_moment_and_over_them() -> None:
    truth = truth_of(thing=[(NOON, HERE), (NIGHT, np.zeros(60))])  # where it is by day, nothing is at night
    knows = score(truth, Prompt("thing", "a thing"), at=by_day)
    ways = (AT_A_MOMENT, AT_A_MOMENT + WITHOUT_E, OVER_MOMENTS, OVER_MOMENTS + WITHOUT_E)
    at_noon, at_noon_without, over, over_without = (knows.over_concepts(way).value for way in ways)
    assert at_noon == at_noon_without == over == 1  # at one moment the tile alone says where
    assert over_without < 0.95  # but not when
    assert next(s for s in knows.scores if s.way == AT_A_MOMENT).maps == 1
    assert knows.over_concepts(ANY_TIME) is None  # there is no such truth
    assert knows.unanswerable[ANY_TIME] == ["thing"]


def test_however_few_tiles_are_computed_at_once_the_scores_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = truth_of(thing=[(NEVER, HERE), (NOON, HERE), (NIGHT, 1 - HERE)], other=[(NIGHT, HERE), (NOON, 1 - HERE)])
    prompts = [Prompt("thing", "a"), Prompt("thing", "b"), Prompt("other", "c")]

    def everything() -> list[tuple[str, str, list[float]]]:
        found = score(truth, *prompts, at=by_day)
        return [(s.prompt.text, s.way, [float(m[0]) for m in s.measures.values()]) for s in found.scores]

    whole = everything()
    monkeypatch.setattr(evaluate_maps, "_CHUNK", 7)
    assert everything() == whole


def test_a_map_with_too_few_places_is_not_scored_and_named() -> None:
    truth = truth_of(thing=[(NOON, HERE), (NIGHT, np.zeros(60))], rare=[(NOON, 1.0 * (np.arange(60) < 3))])
    found = score(truth, Prompt("thing", "a thing"), Prompt("rare", "a rare thing"))
    assert next(s for s in found.scores if s.way == AT_A_MOMENT).maps == 1
    assert found.unanswerable[AT_A_MOMENT] == ["rare"]
    one = dict.fromkeys(["R@5", "R@10", "median"], np.ones(3))
    text = report(Evaluation("x", 1, 1, 0, {}, rows=[EvaluationRow("CLIP", "tile", one, one, {})], maps=[found]))
    assert "at a moment: rare" in text


def test_truth_of_tiles_that_are_not_there_is_an_error() -> None:
    truth = replace(truth_of(thing=[(NEVER, HERE)]), tile_ids=np.array(["x", *IDS[1:]]))
    with pytest.raises(UsageError, match="1 tiles of the truth, such as x"):
        score(truth, Prompt("thing", "a thing"))


def test_prompts_without_truth_are_an_error() -> None:
    with pytest.raises(UsageError, match="ask for unicorns"):
        score(truth_of(thing=[(NEVER, HERE)]), Prompt("unicorns", "unicorns"))


def test_truth_is_read_with_its_missing_times(world: Path) -> None:
    truth = read_truth(world / "truth.parquet")
    assert np.isnat(truth.when).sum() == 2 * PLACES
    assert truth.concepts[truth.concept[[0, 3 * PLACES]]].tolist() == ["red", "day"]
    assert truth.tile_ids[truth.tile[1]] == "t1"


def test_a_truth_file_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(UsageError, match="is not Parquet with tile_id"):
        read_truth(tmp_path / "t.parquet")
    pq.write_table(pa.table({"tile_id": ["a"]}), tmp_path / "u.parquet")
    with pytest.raises(UsageError, match="is not Parquet with tile_id"):
        read_truth(tmp_path / "u.parquet")
    with pytest.raises(UsageError, match="missing"):
        read_truth(tmp_path / "v.parquet")


# -- command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"seen": {"red": ["red roofs", "red"], "day": "noon"}, "unseen": {"red": ["crimson"]}}))
    return path


def test_the_command_evaluates_all_models_of_a_folder_on_all_test_splits(
    groundcast, world: Path, knowing: Path, clip: Path, prompts: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "strong").mkdir(parents=True)
    (tmp_path / "runs" / "strong" / "model").symlink_to(knowing)  # as a training run leaves it
    (tmp_path / "runs" / "notes").mkdir()
    out = tmp_path / "report"
    ran = groundcast(
        "evaluate", tmp_path / "runs", world, "--also", f"plain={clip}", "--prompts", prompts, "--draws", 20, "-o", out
    )
    assert ran.code == 0, ran.err
    assert "## overhead → ground, gallery 120" in ran.out
    assert "## Maps of strong: 40 tiles, 2 moments" in ran.out
    assert {p.name for p in out.iterdir()} == {
        "evaluation.json",
        "evaluation.md",
        "maps_plain.png",
        "maps_strong.png",
        "recall.png",
        "silhouette.png",
        "time_swap.png",
    }
    document = json.loads((out / "evaluation.json").read_text())["evaluations"][0]
    assert list(document["models"]) == ["strong", "plain"]
    assert [m["model"] for m in document["maps"]] == ["CLIP of strong", "strong", "plain"]
    assert document["maps"][1]["summary"]["any time"]["unseen"]["prompts"] == 1


def test_the_command_prints_one_json_document(groundcast, world: Path, clip: Path) -> None:
    ran = groundcast("evaluate", clip, world / "test_a", "--gallery", 50, "--draws", 20, "--json")
    (one,) = ran.json()["evaluations"]
    assert (one["gallery"], list(one["models"]), one["maps"]) == (50, ["clip"], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{clip}", "{world}/tiles/.."], "give --prompts FILE"),  # concepts that are not the sandbox planet's
        (["{clip}", "{world}/test_a", "--also", "b"], "NAME=DIR"),
        (["{clip}", "{world}/test_a", "--truth", "{world}/truth.parquet"], "give the other one too"),
        (["{world}", "{world}/test_a"], "holds no checkpoint"),
        (["{clip}", "{clip}"], "neither *.tar nor a split"),
        (["atlantis", "{world}/test_a"], "no model"),
    ],
)
def test_wrong_usage_is_told_in_one_line(groundcast, world: Path, clip: Path, arguments: list, message: str) -> None:
    ran = groundcast("evaluate", *(a.format(world=world, clip=clip) for a in arguments))
    assert ran.code in (1, 2)
    assert message in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
