"""`groundcast pairs build`: from photo metadata to shards that are trained on, with all that goes wrong between."""

import base64
import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
import redis
from PIL import Image
from urllib3.util import Retry

from ingest.archive.files import this_process
from ingest.pairs.handover import hand_over, handed_over, take_back
from ingest.pairs.recipe import Recipe
from ingest.pairs.samples.likeness import HeldOut, Kept
from ingest.pairs.samples.photograph import Darkroom
from ingest.sandbox.source import planet
from ingest.sources.patience import Patience
from ingest.sources.source import SourceOptions
from ingest.sources.web import Web
from tests.conftest import LONG, TINY_CLIP, make_raster, start_groundcast
from tests.crew import PATIENCE_S, Crew, wait_until
from tests.local_server import serving
from tests.test_cli import failed
from tests.test_pairs_metadata import yfcc_row
from trainer.errors import ItemError, SourceError
from trainer.shards.tars import Shards
from workers.dispatch import depths
from workers.pair_builds import Caller

NO_TEST = ("--val-share", "0", "--test-share", "0")
SMALL = ("--size-px", "48", "--gsd-m", "10", "--photo-px", "64", "--rate", "10000", "--workers", "4")


def jpeg(seed: int, size: tuple[int, int] = (90, 70), **options: object) -> bytes:
    """A picture unlike those of other seeds."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def turned() -> bytes:
    """A picture that lies on its side, as its EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(77, (90, 70), exif=exif)


def huge() -> bytes:
    """A picture of 108 megapixels in a few kilobytes."""
    buffer = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
    return buffer.getvalue()


class Pictures(BaseHTTPRequestHandler):
    """Serves photos by their secret, as Flickr would."""

    asked: ClassVar[Counter[str]] = Counter()
    slow_s = 0.0

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("_")[2].removesuffix(".jpg")
        self.asked[name] += 1
        time.sleep(self.slow_s)
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/photo_unavailable.png")
            self.end_headers()
            return
        bodies = {"broken": jpeg(1)[:900], "html": b"<html>no</html>", "huge": HUGE, "empty": b"", "turned": turned()}
        bodies["tile"] = jpeg(7, (64, 64))
        body = bodies.get(name) if name in bodies else jpeg(int(name)) if name.isdigit() else None
        status = {"gone": 404, "away": 410, "refused": 403, "down": 500}.get(name, 200)
        body = (body or b"") if status == 200 else b""
        if name == "unavailable.png":  # a picture all the same
            body = jpeg(99)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + 500 * (name == "short")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


HUGE = huge()


@pytest.fixture(scope="module")
def flickr() -> Iterator[str]:
    with serving(Pictures) as url:
        yield url


@pytest.fixture(scope="module")
def raster(tmp_path_factory) -> Path:
    """Imagery of 600 m near Banepa."""
    return make_raster(tmp_path_factory.mktemp("imagery") / "town.tif", width=1200, height=1200)


def in_town(number: int, secret: object, **changes: str) -> str:
    """A row of YFCC100M about a photo over that imagery, by a photographer of its own."""
    place = {"lat": f"{27.6282 - number % 7 * 1e-4:.6f}", "lon": f"{85.4825 + number % 5 * 1e-4:.6f}"}
    return yfcc_row(25, **{"id": str(number), "owner": f"{number}@N00", "secret": str(secret)} | place | changes)


def build(groundcast, photos: Path, source: object, folder: Path, *options: object):
    return groundcast("pairs", "build", photos, "--overhead", source, "-o", folder, *SMALL, *options)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.tar"))}


# -- one way through -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    """A manifest of photos on the sandbox planet, by twenty people."""
    folder, island = tmp_path_factory.mktemp("album"), planet().islands[0]
    with (folder / "photos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "lat", "lon", "taken_local", "owner", "licence", "title"])
        for i in range(60):
            (folder / f"{i}.jpg").write_bytes(jpeg(i))
            place = island.lat + i % 8 * 0.004, island.lon + i // 8 * 0.004
            taken = datetime(2019, 1 + i % 12, 5, i % 24, 30)
            rows.writerow([f"{i}.jpg", *place, taken, f"person {i % 20}", "CC BY 4.0", f"DSC_{i}"])
    return folder / "photos.csv"


def test_photos_of_the_sandbox_planet_become_shards_that_are_trained_on(groundcast, album, tmp_path):
    folder = tmp_path / "pairs"
    ran = build(groundcast, album, "sandbox:", folder, "--split", "random", "--val-share", "0.2", "--json")
    assert ran.code == 0, ran.err
    told = ran.json()
    assert told["rows"] == told["candidates"] == 60 and sum(told["pairs"].values()) > 50
    train, val = Shards(folder / "train"), Shards(folder / "val")
    assert (len(train), len(val)) == (told["pairs"]["train"], told["pairs"]["val"])
    sample = train.metadata(0)
    assert sample["overhead"]["photo_px"] == [24, 24] and sample["overhead"]["source"] == "sandbox:"
    assert sample["owner"].startswith("person") and sample["licence"] == "CC BY 4.0" and "captions" not in sample
    assert Image.open(io.BytesIO(train.picture(0, "overhead"))).size == (48, 48)
    groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0")
    teacher = tmp_path / "home" / "models" / "m"
    ran = groundcast(
        "train", "tiny", f"train={folder / 'train'}", f"val={folder / 'val'}", f"out={tmp_path / 'run'}",
        f"teacher={teacher}", "steps=4", "warmup=1", "eval_every=4", "batch=8", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json()["why"] == "done" and 0 <= ran.json()["measures"]["r10"] <= 1
    card = (folder / "README.md").read_text()
    assert f"{sum(told['pairs'].values()):,} pairs from 60 rows" in card and "| by |" in card
    with Image.open(folder / "statistics.png") as plot:
        assert plot.width > 1000
    assert sum(told["hours"]) == sum(told["months"]) == sum(told["pairs"].values())


def test_real_photos_and_real_imagery_make_pairs(groundcast, real_data, tmp_path):
    source = real_data / "overhead" / "bluemarble.mbtiles"
    ran = build(
        groundcast, real_data / "photos", source, tmp_path / "pairs", "--gsd-m", "2000", "--keep-undated",
        "--split", "random", "--burst-m", "1", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    told = ran.json()
    assert sum(told["pairs"].values()) > 20 and told["undated"] > 0 and {"SE", "IT"} <= set(told["countries"])
    assert told["attribution"] is None or "NASA" in told["attribution"]


# -- what goes wrong with pictures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bad_pictures(tmp_path_factory) -> Path:
    secrets = ["1", "gone", "away", "moved", "refused", "broken", "html", "huge", "empty", "2", "2", "turned", "short"]
    rows = [in_town(number, secret) for number, secret in enumerate(secrets)]
    rows += [in_town(50, "3", lat="27.9"), in_town(51, "4", lat="91")]
    file = tmp_path_factory.mktemp("bad") / "yfcc100m_dataset"
    file.write_text("".join(rows))
    return file


def test_pictures_that_cannot_be_used_are_counted_by_reason(groundcast, flickr, raster, bad_pictures, tmp_path):
    folder = tmp_path / "pairs"
    ran = build(groundcast, bad_pictures, raster, folder, *NO_TEST, "--yfcc-base-url", flickr, "--gsd-m", "2", "--json")
    assert ran.code == 0, ran.err
    told = ran.json()
    assert told["left_out"]["metadata"] == {"bad_place": 1}
    assert told["left_out"]["picture"] == {
        "dead_link": 3, "http": 2, "truncated": 1, "not_an_image": 1, "too_large": 1, "empty": 1, "same_picture": 1,
        "no_imagery": 1,
    }  # fmt: skip
    assert told["pairs"]["train"] == 3
    shards = Shards(folder / "train")
    by_id = {shards.metadata(i)["photo_id"]: i for i in range(3)}
    upright = Image.open(io.BytesIO(shards.picture(by_id["11"], "groundlevel")))
    assert upright.height > upright.width and upright.height == 64
    sample = shards.metadata(by_id["0"])
    assert sample["captions"] == ["Durbar Square", "café & pigeons"] and sample["tags"] == ["nepal", "durbar square"]
    assert sample["owner_name"] == "guck xzs" and sample["country"] == "NP"
    record = pq.read_table(folder / "records" / "train-000000.parquet").to_pylist()
    refused, short = [row for row in record if row["outcome"] == "http"]
    assert "403" in refused["message"] and refused["id"] == "4" and len(record) == 14
    assert "broke off" in short["message"]
    # the same command again asks for nothing and changes nothing
    before, asked = digests(folder), Pictures.asked.total()
    options = (*NO_TEST, "--yfcc-base-url", flickr)
    assert build(groundcast, bad_pictures, raster, folder, *options, "--gsd-m", "2").code == 0
    assert digests(folder) == before and Pictures.asked.total() == asked
    # another one needs another folder
    failed(build(groundcast, bad_pictures, raster, folder, *options), 2, "other settings", "gsd_m 2.0 not 10.0")
    failed(build(groundcast, bad_pictures, raster, folder, *options, "--gsd-m", "2", "--bands", "3,2,1"), 2, "options")
    os.utime(bad_pictures, (1, 1))
    failed(build(groundcast, bad_pictures, raster, folder, *options, "--gsd-m", "2"), 2, "other settings", "stamps")


def test_two_builds_share_the_work_and_what_a_killed_one_leaves_is_made_by_the_other(
    groundcast, flickr, raster, tmp_path, monkeypatch
):
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, number + 100) for number in range(60)))
    options = ("--yfcc-base-url", flickr, "--gsd-m", "2", "--per-shard", "5", "--split", "random")
    assert build(groundcast, photos, raster, tmp_path / "whole", *options).code == 0
    whole, folder = digests(tmp_path / "whole"), tmp_path / "shared"
    monkeypatch.setattr(Pictures, "slow_s", 0.1)
    Pictures.asked.clear()
    command = ("pairs", "build", photos, "--overhead", raster, "-o", folder, *SMALL, *options)
    process = start_groundcast(tmp_path / "home", *command)

    def records() -> int:
        return len(list((folder / "records").glob("*.parquet")))

    def kill() -> None:
        while records() < 6:
            time.sleep(0.02)
        process.kill()
        process.wait()  # until then its number is taken, and it seems to live

    while records() < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = this_process().rpartition("-")[0]
    for half in ("records/train-000004.parquet", "statistics.json", ".work/plan.json"):  # of one killed as it wrote
        (folder / f"{half}.{host}-{gone.pid}.8b877e44.tmp").write_bytes(b"PAR1")
    killer = threading.Thread(target=kill)
    killer.start()
    ran = groundcast(*command)
    killer.join()
    process.communicate()
    assert ran.code == 0 and process.returncode == -signal.SIGKILL, ran.err
    assert digests(folder) == whole and not [*folder.rglob("*.part"), *folder.rglob("*.tmp")]
    keys = np.concatenate([Shards(split).keys for split in {tar.parent for tar in folder.rglob("*.tar")}])
    assert len(keys) == len(set(keys)) == 60
    again = [count for count in Pictures.asked.values() if count > 1]
    assert (
        len(Pictures.asked) == 60 and max(Pictures.asked.values()) <= 2 and len(again) <= 5
    )  # the shard that was cut off


@pytest.mark.skipif(not LONG, reason="takes long: `make test-long` runs it")
def test_workers_make_the_very_same_shards_though_one_is_killed_and_are_told_no_more_than_a_key(
    groundcast, flickr, raster, tmp_path, redis_server, monkeypatch
):
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, number + 300) for number in range(60)))
    options = ("--yfcc-base-url", flickr, "--gsd-m", "2", "--per-shard", "5", "--split", "random")
    assert build(groundcast, photos, raster, tmp_path / "whole", *options).code == 0
    whole, folder = digests(tmp_path / "whole"), tmp_path / "shared"
    monkeypatch.setattr(Pictures, "slow_s", 0.1)
    Pictures.asked.clear()
    crew = Crew(tmp_path / "crew", {"redis_url": redis_server.url, "lease_s": 4, "chunk_s": 1})
    command = ("pairs", "build", photos, "--overhead", raster, "-o", folder, *SMALL, *options, "--queue", "--json")
    process = start_groundcast(crew.home, *command)
    try:
        with redis.Redis.from_url(redis_server.url) as broker:
            (queue,) = wait_until(lambda: broker.keys("light*"))  # its name says the priority too
            (message,) = broker.lrange(queue, 0, 0)
        body = json.loads(base64.b64decode(json.loads(message)["body"]))
        (key,), keywords, _ = body
        assert re.fullmatch("[0-9a-f]{16}", key) and keywords == {}
        assert handed_over(crew.catalog, key).folder == folder.resolve()
        first, _ = crew.start(), crew.start()
        wait_until(lambda: len(list((folder / "records").glob("*.parquet"))) >= 4)
        first.kill(with_child=True)
        said, complained = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        crew.close()
    assert process.returncode == 0, complained
    assert digests(folder) == whole and sum(json.loads(said)["pairs"].values()) == 60
    assert len(Pictures.asked) == 60 and max(Pictures.asked.values()) <= 2
    assert handed_over(crew.catalog, key) is None


def test_a_build_that_nobody_works_on_says_so_and_one_without_redis_is_refused(
    groundcast, flickr, raster, tmp_path, redis_server, monkeypatch
):
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, number) for number in range(6)))
    options = ("--yfcc-base-url", flickr, "--split", "random", "--queue")
    failed(build(groundcast, photos, raster, tmp_path / "pairs", *options), 2, "no redis_url")
    monkeypatch.setattr("workers.pair_builds._PATIENCE_S", 0.0)
    monkeypatch.setenv("GROUNDCAST_REDIS_URL", redis_server.url)
    looks = iter(range(3))

    def look(_: float) -> None:
        if next(looks, None) is None:
            raise SourceError("that is enough")

    monkeypatch.setattr("ingest.pairs.build.time", SimpleNamespace(sleep=look))
    ran = build(groundcast, photos, raster, tmp_path / "pairs", *options)
    assert ran.code != 0 and "shards wait, and nobody is at work on them: start `groundcast worker`" in ran.err
    redis_server.kill()
    looks = iter(range(3))
    ran = build(groundcast, photos, raster, tmp_path / "pairs", *options)
    assert ran.code != 0 and "shards wait, and Redis does not answer" in ran.err


def test_a_worker_that_cannot_see_the_photos_makes_nothing_and_says_so(raster, tmp_path, redis_server, monkeypatch):
    monkeypatch.setattr("workers.pair_builds._PATIENCE_S", PATIENCE_S)
    photos = tmp_path / "photos.csv"
    photos.write_text("path,lat,lon,taken_local\na.jpg,27.63,85.52,2019-07-14T18:05\n")
    recipe = Recipe(photos=(str(photos),), overhead=str(raster), size_px=48, gsd_m=2, split="random")
    crew = Crew(tmp_path / "crew", {"redis_url": redis_server.url})
    (tmp_path / "pairs" / ".work").mkdir(parents=True)
    (tmp_path / "pairs" / ".work" / "plan.json").write_text("{}")
    key = hand_over(crew.catalog, recipe, tmp_path / "pairs", threads=1)
    told: list[str] = []
    call = Caller(crew.app, crew.catalog, key, with_model=False, tell=told.append)
    photos.rename(tmp_path / "elsewhere.csv")
    try:
        crew.start()
        wait_until(lambda: call(1) or told)
        assert len(told) == 1 and re.search("a worker cannot go on: .*photos.csv cannot be seen here", told[0])
        assert not (tmp_path / "pairs" / "records").exists()
        take_back(crew.catalog, key)
        wait_until(lambda: not sum(depths(crew.app).values()))
    finally:
        crew.close()


def test_a_server_that_does_not_answer_stops_the_build_and_spoils_nothing(groundcast, raster, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.pairs.samples.circuit_breaker._SILENT", 5)
    monkeypatch.setattr(Patience, "retry", lambda _, **options: Retry(**options | {"total": 0}))
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, "down") for number in range(9)))
    nobody = "http://127.0.0.1:9"
    ran = build(groundcast, photos, raster, tmp_path / "pairs", "--yfcc-base-url", nobody, "--per-shard", "2")
    failed(ran, 1, "gave no answer 5 times in a row", "127.0.0.1:9")
    assert not list((tmp_path / "pairs" / "records").iterdir()) and not digests(tmp_path / "pairs")


def test_a_file_that_is_far_too_large_is_not_read_to_its_end(flickr, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.pairs.samples.photograph.MAX_BYTES", 1000)
    (tmp_path / "a.jpg").write_bytes(jpeg(5))
    with Web(SourceOptions()) as web:
        darkroom = Darkroom(web, 64, 90)
        for address in (f"{flickr}/1/2_5.jpg", str(tmp_path / "a.jpg")):
            with pytest.raises(ItemError) as error:
                darkroom(address)
            assert error.value.reason == "too_large"


def test_a_photo_that_lacks_its_end_marker_alone_goes_into_a_shard_with_it(tmp_path):
    whole = jpeg(5)
    path = tmp_path / f"cafe{chr(0x301)}.jpg"
    path.write_bytes(whole[:-2])
    with Web(SourceOptions()) as web:
        darkroom = Darkroom(web, 10_000, 90)
        assert darkroom(str(tmp_path / "café.jpg")).jpeg == whole
        path.write_bytes(whole[:-100])
        with pytest.raises(ItemError) as error:
            darkroom(str(path))
        assert error.value.reason == "truncated"


# -- what is asked for -----------------------------------------------------------------------------------------------


def test_what_cannot_be_asked_for_is_refused(groundcast, raster, bad_pictures, tmp_path):
    folder = tmp_path / "pairs"
    failed(build(groundcast, bad_pictures, raster, folder, "--exclude-country", "USA"), 2, "'USA' is no country", "US")
    failed(build(groundcast, bad_pictures, raster, folder, "--licence", "gpl"), 2, "'gpl' is no licence", "by-sa")
    failed(build(groundcast, bad_pictures, raster, folder, "--jitter-m", "900"), 2, "would stand outside its image")
    failed(build(groundcast, bad_pictures, tmp_path / "none.tif", folder), 1, "no such file")
    assert not folder.exists()
    chips = tmp_path / "chips"
    chips.mkdir()
    (chips / "manifest.csv").write_text("path,lat,lon,size_m\na.jpg,1,1,480\n")
    (chips / "a.jpg").write_bytes(jpeg(0))
    failed(build(groundcast, bad_pictures, chips, folder), 2, "chips, which cannot be cut")
    (tmp_path / "far.csv").write_text("path,lat,lon,taken_local\na.jpg,91,0,2019-07-14T18:05\nb.jpg,0,0,\n")
    failed(build(groundcast, tmp_path / "far.csv", raster, folder), 1, "none of 2 rows became a pair: bad_place 2")


def test_the_photo_may_stand_off_the_middle_and_where_is_told(groundcast, flickr, tmp_path):
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, number + 200) for number in range(12)))
    imagery = make_raster(tmp_path / "large.tif", width=1200, height=1200)
    ran = build(
        groundcast, photos, imagery, tmp_path / "pairs", "--yfcc-base-url", flickr, "--gsd-m", "2", "--jitter-m", "20",
        "--split", "random", "--min-valid", "0.1",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    shards = Shards(tmp_path / "pairs" / "train")
    from ingest.geo.geometry import Footprint

    offsets = []
    for i in range(len(shards)):
        about = shards.metadata(i)["overhead"]
        column, row = about["photo_px"]
        seen = Footprint(about["lat"], about["lon"], 96)
        lon, lat = seen.to_lonlat((column - 24) * 2, (24 - row) * 2)
        assert abs(lat - shards.lat[i]) < 2e-6 and abs(lon - shards.lon[i]) < 2e-6
        offsets.append(abs(column - 24))
    assert 0 < max(offsets) <= 10 and len(set(offsets)) == len(offsets)


def test_secrets_of_addresses_stand_in_no_file(groundcast, flickr, tmp_path):
    (tmp_path / "photos.csv").write_text(
        f"url,lat,lon,taken_local\n{flickr}/1/2_5.jpg?token=topsecret,1,2,2019-07-14T18:05\n"
    )
    folder = tmp_path / "pairs"
    ran = build(groundcast, tmp_path / "photos.csv", f"{flickr}/{{z}}/{{x}}/{{y}}_tile.jpg?key=topsecret", folder)
    assert ran.code == 0, ran.err
    (record,) = pq.read_table(folder / "records").to_pylist()
    assert record["outcome"] == "pair" and "token=***" in record["address"]
    for file in [path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts]:
        assert b"topsecret" not in file.read_bytes(), file


class Eye:
    """A model that sees a picture's mean colour."""

    dim = 3

    def embed_prepared_photos(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.array([pixels.mean(axis=(1, 2)) for pixels in batch], np.float32)


def test_photos_that_look_the_same_are_one_and_training_sees_none_that_was_held_out(tmp_path):
    red, dark_red, green, blue = (
        np.ones((3, 4, 4)) * np.array(c)[:, None, None] for c in [(9, 0, 0), (8, 0.1, 0), (0, 9, 0), (0, 0, 9)]
    )
    test = Kept(Eye(), 0.97, None)
    assert test.refused([b"9" * 16], [green]) == [""]
    test.keep_out(tmp_path / "held_out", "test-0")
    kept = Kept(Eye(), 0.97, HeldOut(tmp_path / "held_out"))
    assert kept.refused([b"1", b"2", b"1"], [red, dark_red, red]) == ["", "near_identical", "same_picture"]
    assert kept.refused([b"3", b"4", b"5"], [green, blue, dark_red]) == ["held_out", "", "near_identical"]
    without = Kept(None, 0.97, HeldOut(tmp_path / "held_out"))
    assert without.refused([b"9" * 16, b"8" * 16], [None, None]) == ["held_out", ""]


def test_a_model_compares_photos_in_a_build(groundcast, flickr, raster, tmp_path):
    photos = tmp_path / "yfcc100m_dataset"
    photos.write_text("".join(in_town(number, 300 + number) for number in range(30)))
    groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0")
    options = ("--yfcc-base-url", flickr, "--gsd-m", "2", "--split", "random", "--val-share", "0.3", "--model", "m")
    ran = build(groundcast, photos, raster, tmp_path / "pairs", *options, "--near-identical", "-0", "--json")
    assert ran.code == 0, ran.err
    alike = ran.json()["left_out"]["picture"]  # with a threshold of 0 all are alike: one is left of each held-out split
    assert alike["near_identical"] > 0 and alike["held_out"] > 0 and ran.json()["pairs"]["train"] == 0
    model = json.loads((tmp_path / "pairs" / "pairs.json").read_text())["model_id"]
    assert model and model in (tmp_path / "pairs" / "README.md").read_text()
