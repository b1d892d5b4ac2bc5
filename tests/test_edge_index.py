"""What only the embedded index has: its folder, its lock, a kill, damage."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ingest.geo.geometry import box
from ingest.index.edge import EdgeIndex, discard
from ingest.index.protocol import Filter, Points
from trainer.errors import IndexLockedError, VectorIndexError

DIM = 16

# upserts on and on, and says after each return how many points are promised
WRITER = """
import sys
from pathlib import Path
import numpy as np
from ingest.index.edge import EdgeIndex
from ingest.geo.geometry import box
from ingest.index.protocol import Filter, Points
index = EdgeIndex(Path(sys.argv[1]), "tiles", 16)
for start in range(0, 100_000, 50):
    ids = [f"t{i}" for i in range(start, start + 50)]
    vectors = np.random.default_rng(start).normal(size=(50, 16))
    index.upsert(Points(ids, vectors, [{"tile_id": item, "location": {"lat": 1.0, "lon": 2.0}} for item in ids]))
    print(start + 50, flush=True)
"""

HOLDER = """
import sys
from pathlib import Path
from ingest.index.edge import EdgeIndex
index = EdgeIndex(Path(sys.argv[1]), "tiles", 16)
print("open", flush=True)
sys.stdin.read()
"""


def some(n: int = 10, seed: int = 0) -> Points:
    ids = [f"t{i}" for i in range(n)]
    return Points(ids, np.random.default_rng(seed).normal(size=(n, DIM)), [{"tile_id": item} for item in ids])


@contextmanager
def child(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("returns", [1, 4, 13])
def test_a_kill_after_upsert_returned_loses_no_point(tmp_path: Path, returns: int) -> None:
    with child(WRITER, tmp_path / "i") as process:
        assert process.stdout is not None
        promised = [int(process.stdout.readline()) for _ in range(returns)][-1]
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        assert index.ids() >= {f"t{i}" for i in range(promised)}
        assert index.count() == len(index.ids())
        vector = np.random.default_rng(0).normal(size=(50, DIM))[49]
        assert index.query(vector, 1)[0].item_id == "t49"


def test_a_second_process_is_told_that_the_index_is_held(tmp_path: Path) -> None:
    with child(HOLDER, tmp_path / "i") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(IndexLockedError, match="open in another process"):
            EdgeIndex(tmp_path / "i", "tiles", DIM)
        with pytest.raises(IndexLockedError):
            discard(tmp_path / "i")
        process.kill()
        process.wait(20)
        EdgeIndex(tmp_path / "i", "tiles", DIM).close()


def test_closing_lets_the_next_one_in_and_keeps_the_points(tmp_path: Path) -> None:
    first = EdgeIndex(tmp_path / "i", "tiles", DIM)
    first.upsert(some())
    with pytest.raises(IndexLockedError):
        EdgeIndex(tmp_path / "i", "tiles", DIM)
    first.close()
    first.close()
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as again:
        assert again.count() == 10
    with pytest.raises(VectorIndexError, match="closed"):
        first.query(np.ones(DIM), 1)


@pytest.mark.parametrize(
    ("name", "dim", "words"),
    [("tiles", 512, "of 16 values.*'overhead', 512"), ("other", DIM, "holds collection 'tiles'.*'other'")],
)
def test_another_dimension_or_collection_is_refused(tmp_path: Path, name: str, dim: int, words: str) -> None:
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some())
    with pytest.raises(VectorIndexError, match=words):
        EdgeIndex(tmp_path / "i", name, dim)
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        assert index.count() == 10  # a refusal changes nothing and holds no lock


def open_and_query(path: Path) -> None:
    with EdgeIndex(path, "tiles", DIM) as index:
        index.query(np.ones(DIM), 3)


DAMAGE = [
    "index.json",
    "shard/edge_config.json",
    "shard/segments/*/segment.json",
    "shard/segments/*/mutable_id_tracker.mappings",  # Edge opens it with fewer points and says nothing
    "shard/segments/*/version.info",
    "shard/segments/*/vector_storage-overhead/vectors/chunk_0.mmap",
    "shard/segments/*/vector_storage-overhead/vectors/status.dat",  # Edge panics
    "shard/wal/first-index",
]


@pytest.mark.parametrize("pattern", DAMAGE)
def test_a_truncated_file_is_an_error_that_says_how_to_repair(tmp_path: Path, pattern: str) -> None:
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some(500))
        index.upsert(some(5))  # Edge replays the last entry of its log: what that one holds is not lost
    for file in (tmp_path / "i").glob(pattern):
        os.truncate(file, 0)
    with pytest.raises(VectorIndexError, match="groundcast verify tiles --repair") as caught:
        open_and_query(tmp_path / "i")
    assert not isinstance(caught.value, IndexLockedError)
    discard(tmp_path / "i")
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some(300))
        assert index.count() == 300


@pytest.mark.parametrize("lost", ["shard", "shard/segments", "index.json"])
def test_a_lost_part_of_the_folder_is_not_taken_for_an_empty_index(tmp_path: Path, lost: str) -> None:
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some())
    if lost == "index.json":
        (tmp_path / "i" / lost).unlink()
    else:
        shutil.rmtree(tmp_path / "i" / lost)
    with pytest.raises(VectorIndexError, match="--repair"):
        EdgeIndex(tmp_path / "i", "tiles", DIM)


def test_a_creation_cut_short_is_begun_again(tmp_path: Path) -> None:
    EdgeIndex(tmp_path / "i", "tiles", DIM).close()
    (tmp_path / "i" / "shard").rename(tmp_path / "i" / "shard.new")
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some())
        assert index.count() == 10


def test_the_folder_remembers_how_many_points_it_promised(tmp_path: Path) -> None:
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(some())
        index.delete(["t1", "t9", "unknown"])
        index.upsert(some(5))
    promised = json.loads((tmp_path / "i" / "index.json").read_text())["points"]
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        assert promised == index.count() == 9


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "i").write_text("not a folder")
    with pytest.raises(VectorIndexError, match="cannot be opened for writing"):
        EdgeIndex(tmp_path / "i", "tiles", DIM)


def test_threads_may_search_while_one_writes(tmp_path: Path) -> None:
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index, ThreadPoolExecutor(4) as pool:
        index.upsert(some(100))
        asked = some(100).vectors[7]
        answers = [pool.submit(index.query, asked, 1) for _ in range(100)]
        for seed in range(5):
            ids = [f"t{i}-{seed}" for i in range(60)]
            index.upsert(Points(ids, -some(60, seed).vectors, [{"tile_id": item} for item in ids]))
        assert {answer.result()[0].item_id for answer in answers} == {"t7"}


def test_a_box_is_answered_exactly_after_optimizing(tmp_path: Path) -> None:
    """A graph walked under a filter lost nearly all of the best tiles: 22,000 × 512 is enough for one to be built."""
    n, dim = 22_000, 512
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(44, dim)).astype(np.float32)
    vectors = centres[rng.integers(44, size=n)] + 0.7 * rng.normal(size=(n, dim)).astype(np.float32)
    row, column = np.divmod(np.arange(n), 149)
    lats, lons = 27.6 + row * 0.00433, 85.5 + column * 0.00488
    places = [{"lat": lat, "lon": lon} for lat, lon in zip(lats.tolist(), lons.tolist(), strict=True)]
    payloads = [{"tile_id": f"t{i}", "location": place} for i, place in enumerate(places)]
    area = box(85.76, 27.82, 85.96, 28.02)
    inside = np.flatnonzero((lons > 85.76) & (lons < 85.96) & (lats > 27.82) & (lats < 28.02))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    with EdgeIndex(tmp_path / "i", "tiles", dim) as index:
        index.upsert(Points([payload["tile_id"] for payload in payloads], vectors, payloads))
        index.optimize()
        for i in range(0, n, 1100):
            best = inside[np.argsort(-(unit[inside] @ unit[i]))[:10]]
            hits = index.query(unit[i], 10, Filter(area=area))
            assert {hit.item_id for hit in hits} == {f"t{j}" for j in best}


def test_optimizing_keeps_every_point_and_the_best_hit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = [f"t{i:05d}" for i in range(3000)]
    vectors = rng.normal(size=(3000, DIM)).astype(np.float32)
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        index.upsert(Points(ids, vectors, [{"tile_id": item} for item in ids]))
        index.optimize()
        assert index.ids() == set(ids)
        assert [index.query(vectors[i], 1)[0].item_id for i in (0, 1500, 2999)] == ["t00000", "t01500", "t02999"]
        assert len(index.query(vectors[0], 3000)) == 3000
    with EdgeIndex(tmp_path / "i", "tiles", DIM) as index:
        assert index.count() == 3000
