"""The paper's experiments: on a made-up country of coloured squares, by a model of random weights and by an oracle."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from tests.conftest import LONG, TINY_CLIP, Groundcast
from trainer.checkpoint import read_meta, read_tensors, write_checkpoint
from trainer.embedder import Embedder
from trainer.errors import UsageError
from trainer.experiments.catalogue import EXPERIMENTS, experiment
from trainer.experiments.finding import ExperimentResult, Picture, Stored, Table, read, write
from trainer.experiments.kept import KeptVectors
from trainer.experiments.likeness import Likeness, bert_score, compare
from trainer.experiments.material import Material
from trainer.experiments.page import write_page
from trainer.experiments.paper import coarse_country, dynamic_maps, figure_1, localisation, text_to_overhead
from trainer.experiments.questions import Question, Questions, read_questions
from trainer.experiments.running import Ran
from trainer.experiments.tiles import Tiles
from trainer.measures.evaluate import Options
from trainer.measures.maps import read_truth
from trainer.measures.metrics import Vectors
from trainer.shards.tars import Shards, ShardWriter
from trainer.weights.zoo import add_open_clip

SIDE, STEP_DEG = 20, 480 / 111_320
WINTER, SUMMER = datetime(2023, 1, 11, 12), datetime(2023, 7, 12, 12)
CONCEPTS = ("well", "wheat", "snow")
QUESTIONS = {
    "about": "a made-up country",
    "country": [
        {"text": "a field of wheat", "concept": "wheat", "cover": ["field"]},
        {"text": "a well", "concept": "well", "cover": ["field"]},
    ],
    "city": [{"text": "a field of wheat", "concept": "wheat"}, {"text": "a well", "concept": "well"}],
    "seasons": [{"text": "snow", "concept": "snow"}],
    "texts": [
        {"text": "a well", "concept": "well"},
        {"text": "a field of wheat", "concept": "wheat"},
        {"text": "snow", "concept": "snow"},
    ],
}


def jpeg(seed: int) -> bytes:
    """Nine coloured squares."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 3, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.kron(colours, np.ones((11, 11, 1))).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def places() -> list[tuple[str, float, float, int, int]]:
    """Key, latitude, longitude, row and column of the tiles of two islands, north and south."""
    return [
        (f"{name}-{row:02d}-{col:02d}", lat + (row - SIDE / 2) * STEP_DEG, 20.5 + (col - SIDE / 2) * STEP_DEG, row, col)
        for name, lat in (("north", 10.5), ("south", -10.5))
        for row in range(SIDE)
        for col in range(SIDE)
    ]


def truth_of(concept: str, row: int, col: int, north: bool, when: datetime | None) -> float:
    """A well in the middle of each square of 24 km², wheat in the west, snow in the north's winter."""
    if concept == "well":
        return float(row % 10 == 5 and col % 10 == 5)
    if concept == "wheat":
        return max(0.0, 1 - col / 12)
    return 1.0 if when is None else float((when == WINTER) == north)


def write_truth(path: Path, keys: Sequence[tuple[str, float, float, int, int]], names: Sequence[str]) -> None:
    columns: dict[str, list[object]] = {"tile_id": [], "concept": [], "probability": [], "when": []}
    for when in (None, WINTER, SUMMER):
        for name in names:
            for key, lat, _, row, col in keys:
                known = truth_of("wheat" if name == "field" else name, row, col, lat > 0, when)
                for column, value in zip(columns, (key, name, known, when), strict=True):
                    columns[column].append(value)
    columns["when"] = pa.array(columns["when"], pa.timestamp("s"))
    pq.write_table(pa.table(columns), path)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder of data with every part."""
    folder = tmp_path_factory.mktemp("data")
    with ShardWriter(folder / "pairs") as shards:
        for i in range(40):
            metadata = {
                "latitude": 10 + i // 2 / 100,
                "longitude": 20.0,
                "date_taken": datetime(2020, 1 + i % 12, 3, 4 + i // 2),
                "captions": [f"a well in field {i}", "wheat by a well"],
                "subjects": [CONCEPTS[i % 3]],
            }
            shards.write(f"k{i}", jpeg(i % 3), jpeg(i), metadata)
    everywhere = places()
    for part, keys in (("tiles", everywhere), ("city", everywhere[:100])):
        with ShardWriter(folder / part) as shards:
            for number, (key, lat, lon, _, _) in enumerate(keys):
                shards.write(key, None, jpeg(number % 7), {"latitude": lat, "longitude": lon})
    write_truth(folder / "truth.parquet", everywhere, CONCEPTS)
    write_truth(folder / "city" / "truth.parquet", everywhere[:100], CONCEPTS)
    write_truth(folder / "land_cover.parquet", everywhere, ("field",))
    (folder / "questions.json").write_text(json.dumps(QUESTIONS), "utf-8")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Random weights that know place and time."""
    folder = tmp_path_factory.mktemp("model")
    add_open_clip(folder / "clip", TINY_CLIP, random_seed=0)
    meta, tensors = read_meta(folder / "clip"), read_tensors(folder / "clip")
    torch.manual_seed(0)
    shapes = {"fc1.weight": (64, 11), "fc1.bias": (64,), "fc2.weight": (meta.dim, 64), "fc2.bias": (meta.dim,)}
    tensors |= {f"encoder.{name}": 0.1 * torch.randn(shape) for name, shape in shapes.items()}
    write_checkpoint(folder / "mine", replace(meta, encoding="cyclic"), tensors)
    return folder / "mine"


class Oracle:
    """An embedder that knows the truth: a direction for each concept, E follows the season."""

    has_encoder = True
    texts = tuple(question["text"] for question in QUESTIONS["texts"])

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return np.array([np.eye(4)[("a well", "a field of wheat", "snow").index(text)] for text in texts], np.float32)

    def at(self, o: Vectors, *, lat: np.ndarray, lon: np.ndarray, when: datetime) -> Vectors:
        e = np.zeros((len(lat), 4), np.float32)
        e[:, 2] = (when == WINTER) == (lat > 0)
        return o + e


class Known(Material):
    """Material whose tiles are known, so that no picture is embedded."""

    def __init__(self, data: Path, *, blind: bool = False) -> None:
        self.name, self.data, self.questions = "ours", data, read_questions(data / "questions.json")
        self.options = Options(draws=20)
        self.embedder = Oracle()  # type: ignore[assignment]
        shards, truth = Shards(data / "tiles", needs=("overhead",)), read_truth(data / "truth.parquet")
        noise = np.random.default_rng(0).normal(size=(len(shards), 4)).astype(np.float32)
        told = Tiles(shards, truth, self.embedder, noise, noise)
        known = [told.probability(concept) for concept in ("well", "wheat")]
        level = [np.zeros(len(shards)), np.full(len(shards), 3.0)]  # no snow; length that hardly differs
        oracle = noise if blind else np.stack([*known, *level], axis=1).astype(np.float32)
        self._tiles = {"tiles": Tiles(shards, truth, self.embedder, oracle, noise)}


@pytest.mark.skipif(not LONG, reason="half a minute long: `make test-long` runs it")
def test_all_experiments_make_one_report_and_are_done_once(
    groundcast: Groundcast, data: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    asked = ("experiment", "all", "--checkpoint", model, "--data", data, "-o", out, "--draws", 20)
    first = groundcast(*asked)
    assert first.code == 0, first.err
    for one in EXPERIMENTS:
        found = json.loads((out / one.name / "finding.json").read_text("utf-8"))["finding"]
        assert found["tables"], one.name
        assert found["outcome"] in first.out
        assert all((out / one.name / picture["file"]).stat().st_size > 1000 for picture in found["pictures"])
        assert all((out / one.name / f"{table['name']}.csv").exists() for table in found["tables"])
        assert "a made-up country" in (out / one.name / "finding.md").read_text("utf-8")
    page = (out / "report.html").read_text("utf-8")
    assert all(f'id="{one.name}"' in page for one in EXPERIMENTS)
    assert set(re.findall(r'<img src="([^"]{10})', page)) == {"data:image"}
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    again = groundcast(*asked, "--json")
    assert len(again.json()["experiments"]) == len(EXPERIMENTS)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == made
    groundcast("experiment", "text-to-overhead", *asked[2:], "--seed", 1)
    changed = {path.parent.name for path, when in made.items() if path.stat().st_mtime_ns != when}
    assert changed == {"text-to-overhead"}


def test_what_the_data_cannot_answer_is_left_out_and_said(
    groundcast: Groundcast, data: Path, model: Path, tmp_path: Path
) -> None:
    poor = tmp_path / "poor"
    poor.mkdir()
    (poor / "tiles").symlink_to(data / "tiles")
    for name in ("truth.parquet", "questions.json"):
        (poor / name).symlink_to(data / name)
    asked = ("--checkpoint", model, "--data", poor, "-o", tmp_path / "out", "--draws", 20)
    ran = groundcast("experiment", "localisation", "figure-5", *asked, "--json")
    found = {one["name"]: one for one in ran.json()["experiments"]}
    assert found["localisation"]["left_out"] is None
    assert str(poor / "city") in found["figure-5"]["left_out"]
    alone = groundcast("experiment", "figure-5", *asked)
    assert alone.code == 2
    assert "needs shards of tiles" in alone.err


def test_another_model_stands_beside_in_the_tables_that_compare(
    groundcast: Groundcast, data: Path, model: Path, tmp_path: Path
) -> None:
    asked = ("--checkpoint", model, "--data", data, "-o", tmp_path / "out", "--draws", 20)
    ran = groundcast("experiment", "figure-4", *asked, "--beside", f"other={model}", "--json")
    curves = ran.json()["experiments"][0]["numbers"]
    assert {"CLIP, tile", "mine, tile + place + time", "other, tile + place + time"} <= set(curves)
    assert curves["other, tile"] == curves["mine, tile"]
    refused = groundcast("experiment", "figure-4", *asked, "--beside", "other")
    assert refused.code == 2
    assert "NAME=DIR" in refused.err


def test_vectors_are_kept_and_made_again_where_the_file_is_broken(data: Path, model: Path, tmp_path: Path) -> None:
    embedder = Embedder.load(model, precision="float32", device="cpu")
    shards, rows, asked = Shards(data / "pairs"), np.arange(8), []
    keep = KeptVectors(tmp_path, "float32")

    def embed() -> Vectors:
        return keep(embedder, shards, rows, part="overhead", role="tile", progress=lambda what, *_: asked.append(what))

    first = embed()
    made = len(asked)
    assert np.array_equal(embed(), first)
    assert len(asked) == made > 0
    (kept,) = tmp_path.glob("*.npy")
    kept.write_bytes(b"not an array")
    assert np.array_equal(embed(), first)
    assert len(asked) > made
    rows = np.arange(3)
    assert len(embed()) == 3


def test_experiments_are_listed_and_a_wrong_name_is_refused(groundcast: Groundcast, tmp_path: Path) -> None:
    assert [line.split()[0] for line in groundcast("experiment", "list").out.splitlines()] == [
        one.name for one in EXPERIMENTS
    ]
    refused = groundcast("experiment", "figure-2", "-o", tmp_path)
    assert refused.code == 2
    assert "figure-1" in refused.err


def test_a_model_that_knows_the_truth_gets_full_marks(data: Path, tmp_path: Path) -> None:
    known = Known(data)
    found = localisation.run(known, tmp_path).numbers
    assert found["searches"] == found["areas"] == 8  # wheat is no single place, and each island has four squares
    assert found["ours, tile"]["within 1 km"] == 1
    assert found["by chance"] < 0.2
    country = figure_1.run(known, tmp_path).numbers
    assert country["a field of wheat, ours"]["squares"] > 0.99
    assert abs(country["a field of wheat, CLIP"]["tiles"]) < 0.2
    assert country["a field of wheat, truth"]["squares"] > 0.99
    assert country["a field of wheat, ours"]["squares with any"] > 0.97
    wells = country["a well, truth"]["tiles"]  # they stand in fields and elsewhere: no model that is right goes beyond
    assert abs(wells) < 0.2 and country["a well, ours"]["tiles"] == pytest.approx(wells, abs=0.1)
    assert text_to_overhead.run(known, tmp_path).numbers["ours"]["right of 4"] > 0.9
    seasons = dynamic_maps.run(known, tmp_path).numbers["snow"]
    assert seasons["right direction"] == 1
    assert seasons["rank correlation"] > 0.85  # two levels in truth, many in scores: no more can be had


def test_a_model_of_noise_gets_what_chance_gives(data: Path, tmp_path: Path) -> None:
    blind = Known(data, blind=True)
    assert localisation.run(blind, tmp_path).numbers["ours, tile"]["within 1 km"] < 0.6
    assert abs(figure_1.run(blind, tmp_path).numbers["a field of wheat, ours"]["tiles"]) < 0.2


def test_a_coarse_map_is_the_map_itself_where_every_tile_is_kept(data: Path) -> None:
    tiles = Known(data).tiles()
    kept, stands_for = coarse_country.sampled(tiles, 1)
    assert np.array_equal(kept, np.arange(len(tiles)))
    assert np.array_equal(stands_for, kept)
    kept, stands_for = coarse_country.sampled(tiles, 10)
    assert len(kept) == 8
    assert set(stands_for) == set(kept.tolist())
    assert np.array_equal(tiles.area[stands_for], tiles.area)


def test_tiles_form_islands_and_squares_of_the_size_asked_for(data: Path) -> None:
    tiles = Known(data).tiles()
    assert sorted(np.bincount(tiles.area)) == [SIDE**2, SIDE**2]
    assert tiles.step_m == pytest.approx(480, abs=1)
    assert set(np.bincount(tiles.squares(4800.0))) == {100}


def test_a_text_is_localisable_where_its_few_tiles_lie_together(data: Path) -> None:
    tiles = Known(data).tiles()
    found = localisation.localisable(tiles, [Question("a well", "well"), Question("snow", "snow")])
    assert {search.question.text for search in found} == {"a well"}
    assert all(len(search.right) == 1 for search in found)


def test_scaled_scores_are_cut_at_a_half() -> None:
    scaled = localisation.scaled(np.array([0.1, 0.2, 0.3]))
    assert np.isnan(scaled[0])
    assert scaled[1:] == pytest.approx([0.5, 1.0])


def test_captions_are_compared_as_sentences_and_word_by_word() -> None:
    likeness = Likeness()
    same, other = "people swim at the beach", "a lorry waits at a warehouse"
    sentence, words = compare(likeness, [same, same], [[same], [other]])
    assert sentence[0] == pytest.approx(1, abs=1e-5)
    assert words[0] == pytest.approx(1, abs=1e-5)
    assert sentence[1] < 0.5
    assert words[1] < 0.9
    near = compare(likeness, [same], [["swimmers in the sea on a sunny day"]])[0]
    assert near[0] > sentence[1] + 0.2


def test_the_matching_of_words_is_that_of_the_paper() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    precision, recall = 1 / 2, 1.0  # of two words one is there; the one word of the other text is met
    assert bert_score(np.stack([a, b]), np.stack([a])) == pytest.approx(2 * precision * recall / (precision + recall))
    assert bert_score(np.stack([a]), np.stack([c])) == 0
    assert bert_score(np.stack([a]), np.stack([-a])) == 0


def test_a_finding_is_read_as_it_was_written_and_has_no_nan(tmp_path: Path) -> None:
    table = Table("t", "A table", ("what", "value"), (("a | b", "0.5"),))
    finding = ExperimentResult(
        "T", "Table 9", "It came out.", ("Asked.",), (table,), (Picture("p.png", "P"),), (), {"x": 0.5}
    )
    write(tmp_path, Stored(finding, {"model": "m"}, 1.5))
    assert read(tmp_path) == Stored(finding, {"model": "m"}, 1.5)
    write(tmp_path, Stored(replace(finding, numbers={"x": float("nan")}), {}, 1.0))
    again = read(tmp_path)
    assert again is not None
    assert again.finding.numbers == {"x": None}
    assert read(tmp_path / "nothing") is None
    (tmp_path / "finding.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="is no finding"):
        read(tmp_path)


def test_the_page_shows_texts_as_texts(tmp_path: Path) -> None:
    finding = ExperimentResult("<script>alert(1)</script>", "Table 9", "5 < 6", ("Asked.",))
    ran = [
        Ran(experiment("table-1"), tmp_path, Stored(finding, {}, 1.0)),
        Ran(experiment("figure-5"), tmp_path, None, why_not="no city"),
    ]
    write_page(tmp_path / "report.html", ran, about={"model": "<b>m</b>"}, made=datetime(2024, 1, 2, 3, 4))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "<b>m</b>" not in page
    assert "left out: no city" in page
    assert "5 &lt; 6" in page


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"texts": 3}', '{"texts": [{"concept": "well"}]}', '{"hours": ["soon"]}', '{"villages": []}'],
)
def test_questions_that_cannot_be_understood_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "questions.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=re.escape(str(path))):
        read_questions(path)


def test_questions_have_sensible_moments_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "questions.json"
    path.write_text('{"hours": ["2024-05-01T06", "2024-05-01T21:30"]}', "utf-8")
    found = read_questions(path)
    assert found.hours == (datetime(2024, 5, 1, 6), datetime(2024, 5, 1, 21, 30))
    assert found.season_moments == Questions().season_moments
