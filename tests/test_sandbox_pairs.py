"""The sandbox planet as training data and truth, through the library and the command line."""

import hashlib
import io
import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from ingest.sandbox.concepts import NAMES
from ingest.sandbox.pairs import A_SHARD, Amounts, total, write_shards
from ingest.sandbox.photographs import blocks, held_out, photographs
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from ingest.sandbox.world import World
from tests.conftest import LONG, TINY_CLIP, make_raster
from tests.test_cli import failed
from trainer.errors import UsageError
from trainer.shards.tars import Shards

AMOUNTS = Amounts(train=40, val=6, test_random=6, test_strict=6, tiles=60, size_px=48, photo_px=32)


@pytest.fixture(scope="module")
def world() -> World:
    return planet()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sandbox") / "pairs"
    done: list[int] = []
    write_shards(folder, AMOUNTS, processes=2 if LONG else 1, progress=done.append)  # each builds the planet anew
    assert sum(done) == total(AMOUNTS)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_strict_test_shares_neither_blocks_nor_people_with_training(world):
    strict, val = held_out(world, 0)
    assert strict and val and not strict & val
    taken = {split: photographs(world, split=split, count=400, seed=0) for split in ("train", "val", "test_strict")}
    where = {split: set(blocks(lat=p.lat, lon=p.lon).tolist()) for split, p in taken.items()}
    assert where["test_strict"] <= strict and where["val"] <= val
    assert not where["train"] & (strict | val)
    people = {split: set(p.owner.tolist()) for split, p in taken.items()}
    assert not people["train"] & people["test_strict"]


def test_of_one_island_no_other_is_built() -> None:
    world = World()
    island = world.islands[1]
    taken = photographs(world, split="train", count=60, seed=1, island=island)
    west, south, east, north = island.bbox
    assert ((taken.lon >= west) & (taken.lon <= east) & (taken.lat >= south) & (taken.lat <= north)).all()
    assert list(world._lands) == [island.name]
    with pytest.raises(UsageError, match="other islands"):
        photographs(world, split="val", count=60, seed=1, island=island)


def test_the_strict_test_lies_on_most_islands(world):
    strict, _ = held_out(world, 0)
    near = {
        min(world.islands, key=lambda i: abs(i.lat - (b // 360 - 89.5)) + abs(i.lon - (b % 360 - 179.5))).name
        for b in strict
    }
    assert len(near) >= 4


def test_photographers_come_when_there_is_something_to_see(world):
    taken = photographs(world, split="train", count=3000, seed=0)
    then = truth(world, lat=taken.lat, lon=taken.lon, when=taken.when).sum(axis=1).mean()
    rng = np.random.default_rng(0)
    other = truth(world, lat=taken.lat, lon=taken.lon, when=rng.permutation(taken.when)).sum(axis=1).mean()
    assert then > 1.1 * other
    seen = truth(world, lat=taken.lat, lon=taken.lon, when=taken.when).sum(axis=0)
    assert dict(zip(NAMES, seen > 8, strict=True)) == dict.fromkeys(NAMES, True)  # every concept is photographed


def test_most_places_are_photographed_more_than_once(world):
    taken = photographs(world, split="train", count=2000, seed=0)
    _, visits = np.unique(taken.lat, return_counts=True)
    assert visits[visits > 1].sum() > 0.7 * len(taken)


def test_truth_without_a_moment_is_the_likeliest_one(world):
    taken = photographs(world, split="train", count=300, seed=0)
    whenever = truth(world, lat=taken.lat, lon=taken.lon)
    for when in (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 23), datetime(2025, 10, 5, 9)):
        assert (truth(world, lat=taken.lat, lon=taken.lon, when=when) <= whenever + 0.02).all()


def test_pairs_hold_both_pictures_captions_and_the_moment(drawn):
    shards = Shards(drawn / "train")
    assert len(shards) == AMOUNTS.train
    pair = shards.sample(0)
    for picture, side in ((pair.overhead, 48), (pair.groundlevel, 32)):
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == (side, side)
    assert len(pair.captions) == 4
    assert pair.owner is not None and pair.place is not None
    dated = [shards.sample(i).when for i in range(len(shards))]
    assert sum(when is not None for when in dated) >= 0.9 * len(dated)


def test_every_tile_of_the_truth_has_its_picture(drawn):
    table = pq.read_table(drawn / "truth.parquet").to_pandas()
    tiles = Shards(drawn / "tiles", needs=("overhead",))
    assert set(table.tile_id) == set(tiles.keys.tolist())
    assert set(table.concept) == set(NAMES)
    assert table.probability.between(0, 1).all()
    assert table.when.isna().any() and table.when.notna().any()


def test_a_second_run_draws_nothing(tmp_path):
    again = tmp_path / "again"
    small = Amounts(train=12, val=1, test_random=1, test_strict=1, tiles=20, size_px=48, photo_px=32)
    write_shards(again, small, processes=1, progress=int)
    before = digests(again)
    write_shards(again, small, processes=1, progress=int)
    assert digests(again) == before


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path):
    small = Amounts(train=10, val=1, test_random=1, test_strict=1, tiles=20, size_px=48, photo_px=32)
    write_shards(tmp_path / "a", small, processes=1, progress=int)
    whole = digests(tmp_path / "a")
    (tmp_path / "a" / "train" / "train-0000-000000.tar").unlink()
    (tmp_path / "a" / "train" / ".train-0000-000000.tar.part").write_bytes(b"half")
    (tmp_path / "a" / "truth.parquet").unlink()
    write_shards(tmp_path / "a", small, processes=1, progress=int)
    assert digests(tmp_path / "a") == whole
    assert not list((tmp_path / "a").rglob("*.part"))


def test_shards_of_other_settings_are_not_mixed(groundcast, drawn):
    before = digests(drawn)
    failed(groundcast("sandbox", "shards", drawn, "--train", "50"), 2, "other settings", "train 40 not 50")
    assert digests(drawn) == before


def test_the_concepts_are_listed(groundcast):
    listed = groundcast("sandbox", "concepts", "--json").json()
    assert [concept["name"] for concept in listed] == list(NAMES) and len(NAMES) == 45
    assert "wheat_harvest" in groundcast("sandbox", "concepts").out


def test_truth_is_written_for_the_tiles_of_a_collection(groundcast, tmp_path, world):
    island = world.islands[-1]
    groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0")
    near = f"{island.lat},{island.lon},4"
    ran = groundcast("ingest", f"sandbox:{island.name}", "--collection", "c", "--near", near, "--json")
    assert ran.code == 0, ran.err
    count = ran.json()["job"]["done"]
    assert count > 100
    written = tmp_path / "truth.parquet"
    ran = groundcast(
        "sandbox", "truth", "night_lights", "--collection", "c", "--when", "2025-01-11T22", "-o", written, "--json"
    )
    assert ran.json()["tiles"] == count
    table = pq.read_table(written)
    assert table.column_names == ["tile_id", "probability"] and len(table) == count
    by_day = groundcast(
        "sandbox", "truth", "night_lights", "--collection", "c", "--when", "2025-01-11T12", "-o", tmp_path / "d.parquet"
    )
    assert by_day.code == 0
    night, day = (np.nanmax(pq.read_table(f)["probability"].to_numpy()) for f in (written, tmp_path / "d.parquet"))
    assert day < 0.05
    assert math.isfinite(night)


def test_truth_of_imagery_elsewhere_and_of_unknown_concepts_is_refused(groundcast, tmp_path):
    groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0")
    raster = make_raster(tmp_path / "town.tif", width=60, height=60)
    groundcast("ingest", raster, "--collection", "c", "--tile-size-m", "10")
    out = tmp_path / "truth.parquet"
    failed(groundcast("sandbox", "truth", "lighthouse", "--collection", "c", "-o", out), 2, "sandbox:")
    failed(groundcast("sandbox", "truth", "lighthous", "--collection", "c", "-o", out), 2, "lighthous")
    assert not out.exists()


def test_settings_are_told_beside_the_shards(drawn):
    assert json.loads((drawn / "sandbox.json").read_text())["train"] == AMOUNTS.train
    assert AMOUNTS.train <= A_SHARD


def test_shards_are_drawn_with_one_thread_of_blas_for_more_would_round_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def tiles_drawn(*_: object) -> None:
        seen.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

    monkeypatch.setattr("ingest.sandbox.pairs.write_tiles", tiles_drawn)
    with threadpool_limits(2, user_api="blas"):
        write_shards(tmp_path / "s", Amounts(0, 0, 0, 0, tiles=3), processes=1, progress=lambda _: None)
    assert set(seen) == {1}
