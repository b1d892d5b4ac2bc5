"""The command line as a user meets it: real files, real model, real index; what it prints and with which exit code."""

import json
import os
import pickle
import shutil
import signal
import subprocess
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from ingest.catalog.catalog import Catalog
from ingest.index.edge import EdgeIndex
from search_ui.cli import COMMANDS, main
from tests.conftest import LONG, TINY_CLIP, Groundcast, Ran, make_raster, start_groundcast
from tests.home_copy import whole_copy_of
from tests.make_data import write_raster
from trainer.weights.zoo import add_open_clip


@pytest.fixture(scope="module")
def raster(tmp_path_factory) -> Path:
    return make_raster(tmp_path_factory.mktemp("imagery") / "town.tif", width=400, height=300)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    add_open_clip(folder, TINY_CLIP, random_seed=0)
    return folder


@pytest.fixture(scope="module")
def town_home(tmp_path_factory, model: Path, raster: Path) -> Path:
    """A home with one collection, `town`, of 20 × 15 tiles of 10 m."""
    home = tmp_path_factory.mktemp("town") / "home"
    ingest = ["ingest", raster, "--collection", "town", "--tile-size-m", "10"]
    for command in (["model", "add", "m", "--checkpoint", model], ingest):
        with pytest.raises(SystemExit) as exit_, pytest.MonkeyPatch.context() as patch:
            patch.setenv("GROUNDCAST_PRECISION", "float32")
            main(["--home", str(home), *map(str, command)])
        assert exit_.value.code == 0
    return home


@pytest.fixture
def town(groundcast: Groundcast, town_home: Path, tmp_path: Path) -> Groundcast:
    """The command line with a copy of that home."""
    whole_copy_of(town_home, tmp_path / "home")
    return groundcast


def finish(process: subprocess.Popen[str]) -> Ran:
    """What a process printed, once it has ended."""
    out, err = process.communicate()
    return Ran(process.returncode, out or "", err or "")


def failed(ran, code: int, *words: str) -> None:
    """The command failed with one line that says these words, and printed nothing else."""
    assert ran.code == code, (ran.out, ran.err)
    last = [line for line in ran.err.splitlines() if line.startswith(("groundcast: ", "Error: "))]
    assert len(last) == 1, ran.err
    for word in words:
        assert word in last[0], last[0]
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("own", [None, "ACTIVE"])
def test_threads_that_wait_for_one_another_do_not_spin_unless_a_person_wants_it(groundcast, monkeypatch, own):
    monkeypatch.setenv("OMP_WAIT_POLICY", own or "to be restored")
    if own is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert groundcast("--version").code == 0
    assert os.environ["OMP_WAIT_POLICY"] == (own or "PASSIVE")


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_model_with_random_weights_says_so(groundcast):
    ran = groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0")
    assert "weights are random" in ran.out
    assert [m["name"] for m in groundcast("model", "list", "--json").json()] == ["m"]
    assert groundcast("model", "show", "m", "--json").json()["dim"] == 32


def test_a_models_name_is_taken_once(groundcast, model):
    groundcast("model", "add", "m", "--checkpoint", model)
    failed(groundcast("model", "add", "m", "--checkpoint", model), 1, "'m' exists", "take another name")


@pytest.mark.parametrize("name", ["../m", "a/b", ".m", ""])
def test_a_name_cannot_leave_the_home_folder(groundcast, model, name):
    failed(groundcast("model", "add", name, "--checkpoint", model), 2, "cannot be a name")


def test_a_checkpoint_that_is_pickle_with_code_in_it_is_refused_and_not_run(groundcast, tmp_path):
    class Code:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    (tmp_path / "model.ckpt").write_bytes(pickle.dumps({"state_dict": Code()}))
    ran = groundcast("model", "add", "m", "--sat2cap", tmp_path / "model.ckpt", "--random-seed", "0")
    failed(ran, 1, "model.ckpt")
    assert not (tmp_path / "ran").exists()
    assert groundcast("model", "list", "--json").json() == []


def test_a_killed_model_add_does_not_block_the_name(groundcast, model, tmp_path):
    (tmp_path / "home" / "models" / "m").mkdir(parents=True)
    assert groundcast("model", "add", "m", "--checkpoint", model).code == 0


# -- ingest ----------------------------------------------------------------------------------------------------------


def test_ingest_says_how_fast_and_what_became_of_every_tile(groundcast, model, raster):
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("ingest", raster, "--collection", "town", "--tile-size-m", "10")
    assert "tiles/s" in ran.out
    assert all(word in ran.out for word in ("read", "embed", "write", "tiles done"))
    collections = groundcast("collections", "--json").json()
    assert collections[0]["items"] >= 300
    assert groundcast("verify", "town", "--json").json()["agree"] is True


def test_an_ingest_that_is_paused_before_its_first_tile_is_paused_and_no_failure(
    groundcast, model, raster, monkeypatch
):
    groundcast("model", "add", "m", "--checkpoint", model)
    begin = Catalog.begin_job

    def pausing(catalog, job):
        assert catalog.stop_job(job.id, "paused")
        begin(catalog, job)

    command = ("ingest", raster, "--collection", "town", "--tile-size-m", "10")
    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "begin_job", pausing)
        ran = groundcast(*command)
    assert ran.code == 0 and "paused: 0 tiles done" in ran.out and "nothing could be ingested" not in ran.err
    ran = groundcast(*command)
    assert ran.code == 0 and "complete" in ran.out


def test_the_same_command_again_does_nothing_and_says_so(town, raster):
    ran = town("ingest", raster, "--collection", "town", "--tile-size-m", "10")
    assert ran.code == 0
    assert ran.out.startswith("nothing to do")


def test_one_bad_file_among_good_ones_is_in_the_ledger_and_the_good_ones_are_done(groundcast, model, tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    make_raster(folder / "good.tif", width=100, height=100)
    (folder / "empty.tif").write_bytes(b"")
    (folder / "text.tif").write_text("not a raster at all")
    cut = make_raster(folder / "cut.tif", width=100, height=100, east=5000)
    cut.write_bytes(cut.read_bytes()[:20_000])
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("ingest", folder, "--collection", "c", "--tile-size-m", "10", "--json")
    assert ran.code == 0, ran.err
    job = ran.json()["job"]
    assert job["done"] >= 25
    shown = groundcast("jobs", "show", job["id"], "--json").json()
    reasons = {
        Path(failure["subject"]).name: failure["reason"] for failure in shown["failures"] if failure["chunk"] is None
    }
    assert reasons["empty.tif"] == "empty"
    assert reasons["text.tif"] == "not_a_raster"
    assert groundcast("verify", "c").code == 0


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.tif", b"", "empty"),
        ("text.tif", b"only words", "not a raster"),
        ("cut.tif", b"II*\0\x08\0\0\0", "cut.tif"),
    ],
)
def test_an_unreadable_file_is_one_line_and_leaves_nothing_behind(groundcast, model, tmp_path, name, content, word):
    groundcast("model", "add", "m", "--checkpoint", model)
    (tmp_path / name).write_bytes(content)
    failed(groundcast("ingest", tmp_path / name, "--collection", "c"), 1, word)
    assert groundcast("collections", "--json").json() == []


def test_a_collection_is_read_with_one_choice_of_options(town, raster):
    command = ["ingest", raster, "--collection", "town", "--tile-size-m", "10"]
    failed(town(*command, "--bands", "3,2,1"), 1, "was read with bands None, not [3, 2, 1]")
    failed(town(*command, "--acquired-at", "2020-01-01"), 1, "was read with acquired_at")
    assert town(*command, "--rate", "3").code == 0


def test_files_of_different_dates_that_overlap_are_told_of_before_the_work(groundcast, model, tmp_path, caplog):
    folder = tmp_path / "dated"
    folder.mkdir()
    for name in ("a_20200101.tif", "b_20210601.tif"):
        make_raster(folder / name, width=60, height=60)
    groundcast("model", "add", "m", "--checkpoint", model)
    command = ["ingest", folder, "--collection", "d", "--tile-size-m", "10", "--date-in-name", "%Y%m%d"]
    assert groundcast(*command).code == 0
    assert "overlap (2020-01-01, 2021-06-01)" in caplog.text


def test_a_server_that_does_not_answer_is_exit_code_1(groundcast, model):
    groundcast("model", "add", "m", "--checkpoint", model)
    url = "http://127.0.0.1:9/{z}/{x}/{y}.png?key=sesame"
    failed(groundcast("ingest", url, "--collection", "web", "--tile-size-m", "900"), 2, "give --bbox")
    ran = groundcast("ingest", url, "--collection", "web", "--tile-size-m", "900", "--bbox", "10,50,10.001,50.001")
    failed(ran, 1, "nothing could be ingested (http")
    assert "sesame" not in ran.out + ran.err + groundcast("jobs", "list", "--json").out


def test_a_model_whose_folder_was_lost_can_be_added_again_and_no_other_in_its_place(town, model, tmp_path):
    shutil.rmtree(tmp_path / "home" / "models" / "m")
    failed(town("search", "x", "--collection", "town"), 1, "m")
    add_open_clip(tmp_path / "other", TINY_CLIP, random_seed=1)
    failed(town("model", "add", "m", "--checkpoint", tmp_path / "other"), 1, "take another name")
    assert town("model", "add", "m", "--checkpoint", model).code == 0
    assert town("search", "x", "--collection", "town").code == 0


def test_a_lost_index_is_filled_again_from_the_archive(town, tmp_path):
    index = tmp_path / "home" / "index" / "town"
    before = town("search", "x", "--collection", "town", "--json").json()
    assert not index.exists()  # of a small collection every tile is scored
    for _ in range(2):
        assert town("verify", "town", "--index").code == 0
        assert index.is_dir()
        assert town("search", "x", "--collection", "town", "--json").json() == before
        shutil.rmtree(index)


def test_a_lost_part_is_made_again_by_the_same_command(town, raster, tmp_path):
    next((tmp_path / "home" / "archive" / "town").glob("*.parquet")).unlink()
    assert town("verify", "town", "--repair").code == 0
    assert town("ingest", raster, "--collection", "town", "--tile-size-m", "10").code == 0
    findings = town("verify", "town", "--json").json()
    assert (findings["problems"], findings["archived"]) == ([], 300)


def test_a_raster_without_crs_or_with_swapped_coordinates_is_one_line_that_says_how_to_mend_it(
    groundcast, model, tmp_path
):
    groundcast("model", "add", "m", "--checkpoint", model)
    pixels = np.full((3, 50, 50), 99, np.uint8)
    write_raster(tmp_path / "nowhere.tif", pixels, Affine(1, 0, 0, 0, -1, 50), None)
    failed(groundcast("ingest", tmp_path / "nowhere.tif", "--collection", "c"), 1, "no CRS", "rio edit-info --crs")
    write_raster(tmp_path / "swapped.tif", pixels, Affine(0.001, 0, 10.0, 0, -0.001, 120.0), "EPSG:4326")
    failed(groundcast("ingest", tmp_path / "swapped.tif", "--collection", "c"), 1, "look swapped")
    assert groundcast("collections", "--json").json() == []


def test_a_bomb_of_a_raster_costs_neither_time_nor_memory(groundcast, model, tmp_path):
    groundcast("model", "add", "m", "--checkpoint", model)
    profile = {"driver": "GTiff", "width": 1_000_000, "height": 1_000_000, "count": 3, "dtype": "uint8", "tiled": True}
    place = {"crs": "EPSG:32645", "transform": Affine(0.5, 0, 350_000, 0, -0.5, 3_057_000)}
    with rasterio.open(tmp_path / "bomb.tif", "w", sparse_ok=True, bigtiff="yes", **profile, **place):
        pass
    area = ["--near", "27.62,85.49,0.1"]
    ran = groundcast("ingest", tmp_path / "bomb.tif", "--collection", "c", "--tile-size-m", "50", *area, "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["job"]["done"] + sum(ran.json()["job"]["skipped"].values()) > 10


def test_imagery_without_any_data_is_exit_code_1_with_its_reason(groundcast, model, tmp_path):
    make_raster(tmp_path / "void.tif", width=100, height=100, fill=0, nodata=0)
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("ingest", tmp_path / "void.tif", "--collection", "c", "--tile-size-m", "10", "--json")
    failed(ran, 1, "nothing could be ingested", "no_data")
    assert set(ran.json()["job"]["skipped"]) == {"no_data"}
    ran = groundcast("search", "x", "--collection", "c")
    assert (ran.code, "is empty" in ran.out) == (0, True)


def test_an_area_outside_the_imagery_says_how_far(groundcast, model, raster):
    groundcast("model", "add", "m", "--checkpoint", model)
    failed(
        groundcast("ingest", raster, "--collection", "c", "--bbox", "10,50,11,51"), 1, "outside the imagery", "km apart"
    )


def test_ingest_needs_a_model(groundcast, raster):
    failed(groundcast("ingest", raster, "--collection", "c"), 1, "groundcast model add")


def test_a_collection_keeps_its_model(town, raster, tmp_path):
    add_open_clip(tmp_path / "other", TINY_CLIP, random_seed=1)
    town("model", "add", "other", "--checkpoint", tmp_path / "other")
    ran = town("ingest", raster, "--collection", "town", "--tile-size-m", "10", "--model", "other")
    failed(ran, 1, "was made with model", "take another collection name")


def test_a_collection_keeps_its_grid_and_source(town, raster):
    failed(
        town("ingest", raster, "--collection", "town", "--tile-size-m", "20"),
        1,
        "has grid of tiles of ",
        " m, not of tiles of 20 m: give the same, or take another name",
    )
    other = make_raster(raster.with_name("other.tif"), width=100, height=100)
    failed(town("ingest", other, "--collection", "town", "--tile-size-m", "10"), 1, "has source")


@pytest.mark.parametrize(
    "options",
    [
        ["--tile-size-m", "0"],
        ["--tile-size-m", "nan"],
        ["--tile-size-m", "10", "--stride-m", "20"],
        ["--bands", "1,2"],
        ["--bbox", "1,2,3"],
        ["--bbox", "1,2,3,4", "--near", "1,2,3"],
        ["--acquired-at", "2022-02-30"],
        ["--date-in-name", "%Q"],
        ["--precision", "float8"],
        ["--no-such-option"],
    ],
)
def test_wrong_usage_is_exit_code_2(groundcast, model, raster, options):
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("ingest", raster, "--collection", "c", *options)
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    assert groundcast("collections", "--json").json() == []


def test_an_unknown_setting_stops_every_command(groundcast, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text("chunksize = 3\n")
    failed(groundcast("collections"), 2, "unknown setting 'chunksize'", "chunk_size")


def test_two_processes_cannot_ingest_into_one_collection_and_can_into_two(town, tmp_path, raster):
    from filelock import FileLock

    with FileLock(tmp_path / "home" / "locks" / "town.lock"):
        failed(town("ingest", raster, "--collection", "town", "--tile-size-m", "10"), 1, "another process is ingesting")
    names = ("left", "right") if LONG else ()
    pair = [
        start_groundcast(tmp_path / "home", "ingest", raster, "--collection", name, "--tile-size-m", "10")
        for name in names
    ]
    outputs = [process.communicate() for process in pair]
    assert [process.returncode for process in pair] == [0] * len(names), outputs
    for name in names:
        assert town("verify", name).code == 0


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(town, tmp_path):
    raster = make_raster(tmp_path / "large.tif", width=400, height=300)
    command = ["ingest", raster, "--collection", "large", "--tile-size-m", "5"]
    process = start_groundcast(tmp_path / "home", "-v", *command)
    assert process.stderr is not None
    for line in process.stderr:
        if "written in" in line:
            break
    process.send_signal(signal.SIGINT)
    failed(finish(process), 1, "stopped; what was done is kept")
    job = town("jobs", "list", "--collection", "large", "--json").json()[0]
    assert 0 < job["done"] < job["items"]
    assert town(*command).code == 0
    (job,) = town("jobs", "list", "--collection", "large", "--json").json()
    assert job["done"] + sum(job["skipped"].values()) == job["items"]
    assert town("verify", "large", "--json").json()["archived"] == job["done"]


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(groundcast, model, tmp_path, raster):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", disk]).returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        assert groundcast("--home", disk, "model", "add", "m", "--checkpoint", model).code == 0
        ballast = disk / "ballast"
        command = ["ingest", raster, "--collection", "c", "--tile-size-m", "10"]
        environment = {"GROUNDCAST_CHUNK_SIZE": "20"}
        os.environ |= environment
        process = start_groundcast(disk, "-v", *command)
        assert process.stderr is not None
        for line in process.stderr:
            if "written in" in line:
                break
        process.send_signal(signal.SIGSTOP)  # else it may be done before the disk is full
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(65536))
        process.send_signal(signal.SIGCONT)
        ran = finish(process)
        # now and then the index's library touches a mapped page that the disk has no room for, and the system ends it
        assert ran.code in (1, -signal.SIGBUS)
        assert ran.code != 1 or "the disk is full" in ran.err.splitlines()[-1], ran.err
        assert not list((disk / "archive" / "c").glob("*.tmp"))
        ballast.unlink()
        assert groundcast("--home", disk, *command).code == 0
        assert groundcast("--home", disk, "verify", "c", "--json").json()["problems"] == []
    finally:
        os.environ.pop("GROUNDCAST_CHUNK_SIZE", None)
        subprocess.run(["umount", "-l", disk], check=True)


# -- search ----------------------------------------------------------------------------------------------------------


def some_tile(town) -> dict:
    return town("search", "x", "--collection", "town", "-k", "1", "--json").json()["hits"][0]


def test_json_is_one_document_with_the_promised_keys(town):
    answer = town("search", "a road", "--collection", "town", "-k", "3", "--json").json()
    assert {"query", "method", "candidates", "hits"} <= set(answer) <= {"query", "method", "candidates", "hits", "note"}
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert list(answer["hits"][0]) == [
        "rank", "tile_id", "lat", "lon", "bbox", "cosine",
        "relevance", "acquired_at", "source", "collection", "model_id", "grade", "near",
        "place", "likeliest", "not_now",
    ]  # fmt: skip
    cosines = [hit["cosine"] for hit in answer["hits"]]
    assert cosines == sorted(cosines, reverse=True)
    assert answer["candidates"] >= 300


def test_a_tile_finds_itself_first_and_not_takes_away(town):
    tile = some_tile(town)
    answer = town("search", "--tile", tile["tile_id"], "--collection", "town", "--json").json()
    assert answer["hits"][0]["tile_id"] == tile["tile_id"]
    assert answer["hits"][0]["cosine"] == pytest.approx(1, abs=1e-4)
    away = town("search", "--tile", tile["tile_id"], "--not", "x", "--collection", "town", "--json").json()
    assert away["hits"][0]["cosine"] < 0.9999


def test_an_area_acts_inside_the_search(town):
    west, south, east, north = some_tile(town)["bbox"]
    answer = town(
        "search", "x", "--collection", "town", "--bbox", f"{west},{south},{east},{north}", "-k", "50", "--json"
    ).json()
    assert 1 <= len(answer["hits"]) == answer["candidates"] <= 9
    for hit in answer["hits"]:
        assert hit["bbox"][0] <= east and hit["bbox"][2] >= west and hit["bbox"][1] <= north and hit["bbox"][3] >= south


def test_an_area_away_from_every_tile_says_how_far_the_nearest_is(town):
    ran = town("search", "x", "--collection", "town", "--near", "0,0,1")
    assert ran.code == 0
    assert "nearest tile is" in ran.out and "km" in ran.out


def test_tiles_without_a_date_match_no_date(town):
    answer = town("search", "x", "--collection", "town", "--acquired-from", "2020-01-01", "--json").json()
    assert answer["hits"] == []
    assert "without a date" in answer["note"]


def test_dates_filter_inside_the_search(groundcast, model, tmp_path):
    folder = tmp_path / "dated"
    folder.mkdir()
    make_raster(folder / "a_20200101.tif", width=60, height=60)
    make_raster(folder / "b_20210601.tif", width=60, height=60, east=5000)
    groundcast("model", "add", "m", "--checkpoint", model)
    groundcast("ingest", folder, "--collection", "d", "--tile-size-m", "10", "--date-in-name", "%Y%m%d")
    answer = groundcast(
        "search", "x", "--collection", "d", "--acquired-from", "2021-01-01", "-k", "99", "--json"
    ).json()
    assert {hit["acquired_at"] for hit in answer["hits"]} == {"2021-06-01T00:00:00Z"}
    assert len(answer["hits"]) == answer["candidates"] > 5


@pytest.mark.parametrize("suffix", ["json", "geojson", "csv", "parquet", "kml"])
def test_hits_are_written_in_every_format(town, tmp_path, suffix):
    target = tmp_path / f"hits.{suffix}"
    assert town("search", "x", "--collection", "town", "-k", "4", "-o", target).code == 0
    if suffix == "json":
        assert len(json.loads(target.read_text())["hits"]) == 4
    elif suffix == "parquet":
        assert len(geopandas.read_parquet(target)) == 4
    else:
        assert len(geopandas.read_file(target)) == 4


def test_a_search_while_another_process_holds_the_index_goes_on(town, tmp_path):
    before = town("search", "x", "--collection", "town", "--json").json()
    with EdgeIndex(tmp_path / "home" / "index" / "town", "town", 32):
        during = town("search", "x", "--collection", "town", "--json").json()
    assert during == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["nothing to search for"]),
        ([""], 2, ["empty"]),
        (["x", "-k", "0"], 2, ["k = 0"]),
        (["x", "--tile", "nowhere"], 1, ["no tile 'nowhere'"]),
        (["x", "--image", "missing.png"], 1, ["missing.png"]),
        (["x", "--area", "missing.geojson"], 2, ["missing.geojson"]),
        (["x", "--bbox", "0,50,1,nan"], 2, ["nan"]),
        (["x", "-o", "hits.xls"], 2, [".geojson"]),
        (["x", "--acquired-from", "2022-13-01"], 2, ["2022-13-01"]),
    ],
)
def test_bad_questions_are_one_line(town, arguments, code, words):
    failed(town("search", *arguments, "--collection", "town"), code, *words)


def test_a_malformed_area_file_is_one_line(town, tmp_path):
    for content in ('{"type": "Feature", "geom', '{"type": "FeatureCollection", "features": []}', ""):
        (tmp_path / "area.geojson").write_text(content)
        failed(town("search", "x", "--collection", "town", "--area", tmp_path / "area.geojson"), 2, "area.geojson")


def test_an_unknown_collection_lists_the_known_ones(town):
    failed(town("search", "x", "--collection", "village"), 1, "no collection 'village'", "have: town")


def test_a_collection_whose_model_is_gone_is_not_searched_with_another(town, tmp_path):
    import sqlite3

    add_open_clip(tmp_path / "other", TINY_CLIP, random_seed=1)
    town("model", "add", "other", "--checkpoint", tmp_path / "other")
    with sqlite3.connect(tmp_path / "home" / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM models WHERE name = 'm'")
    connection.close()
    failed(town("search", "x", "--collection", "town"), 1, "no model with id")


def test_a_decompression_bomb_as_image_is_refused(town, tmp_path):
    bomb = tmp_path / "bomb.png"
    Image.fromarray(np.zeros((20_000, 20_000), bool)).save(bomb)
    failed(town("search", "--image", bomb, "--collection", "town"), 1, "bomb.png", "larger than")


# -- photos, jobs, verify, doctor ------------------------------------------------------------------------------------


def test_real_photos_become_a_gallery_and_missing_dates_stay_missing(groundcast, model, real_data):
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("photos", real_data / "photos", "--gallery", "walk", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["job"]["done"] == 52
    facts = ran.json()["photos"]
    assert (facts["photos"], facts["with_place"], facts["with_time"]) == (52, 52, 52 - len(facts["lacking"]))
    assert groundcast("verify", "gallery.walk").code == 0
    failed(groundcast("search", "x", "--collection", "gallery.walk"), 2, "gallery of photos")


def test_jobs_are_shown_and_a_done_one_cannot_be_cancelled(town):
    (job,) = town("jobs", "list", "--json").json()
    assert (job["state"], job["done"] + sum(job["skipped"].values())) == ("done", job["items"])
    failed(town("jobs", "cancel", job["id"]), 1, "nothing to cancel")
    failed(town("jobs", "show", "ffff"), 1, "no job begins with 'ffff'")
    shown = town("jobs", "show", job["id"][:6]).out
    assert job["id"] in shown
    assert "set the pace" in shown
    pace = town("jobs", "show", job["id"], "--json").json()["bottleneck"]
    assert pace["stage"] in ("reading", "model", "writing")
    assert 1 / 3 <= pace["share"] <= 1


def test_a_failed_item_is_retried_when_its_file_is_mended(groundcast, model, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    picture.save(photos / "a.jpg", quality=70)
    picture.save(photos / "b.jpg")
    whole = (photos / "b.jpg").read_bytes()
    (photos / "b.jpg").write_bytes(whole[: len(whole) // 2])
    groundcast("model", "add", "m", "--checkpoint", model)
    job = groundcast("photos", photos, "--gallery", "g", "--json").json()["job"]
    assert (job["done"], job["failed"]) == (1, {"truncated": 1})
    (photos / "b.jpg").write_bytes(whole)
    retried = groundcast("jobs", "retry", job["id"], "--json").json()["job"]
    assert (retried["done"], retried["failed"]) == (2, {})


def test_a_job_of_photos_says_how_many_have_place_and_time_and_which_lack_them(groundcast, model, tmp_path):
    for number, name in enumerate("abc"):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (64, 64), (0, 0, 0)).save(tmp_path / "d.png")  # a again
    document = {"photoTakenTime": {"timestamp": "1626278700"}, "geoData": {"latitude": 47.5, "longitude": 8.25}}
    (tmp_path / "a.png.json").write_text(json.dumps(document))
    (tmp_path / "b.png.json").write_text(json.dumps({"geoData": {"latitude": 95, "longitude": 8.25}}))
    groundcast("model", "add", "m", "--checkpoint", model)
    ran = groundcast("photos", tmp_path, "--gallery", "g")
    assert "3 photos done, 1 skipped (copy 1)" in ran.out
    assert "1 of 3 photos have a place, 1 a time" in ran.out
    assert "'b.png.json': position 95.0, 8.25 is outside" in ran.err
    assert "d.png' is the same picture as" in ran.err
    (job,) = groundcast("jobs", "list", "--json").json()
    shown = groundcast("jobs", "show", job["id"])
    assert "no place, no time: b.png" in shown.out
    assert "no place, no time: c.png" in shown.out
    assert ": a.png" not in shown.out
    photos = groundcast("jobs", "show", job["id"], "--json").json()["photos"]
    assert photos["lacking"] == [["b.png", "no place, no time"], ["c.png", "no place, no time"]]


def test_verify_is_exit_code_1_until_repaired(town, tmp_path):
    part = next((tmp_path / "home" / "archive" / "town").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:200])
    ran = town("verify", "town")
    assert ran.code == 1
    assert "cannot be read" in ran.out
    assert town("verify", "town", "--repair").code == 0
    (job,) = town("jobs", "list", "--json").json()
    town("ingest", job["source"], "--collection", "town", "--tile-size-m", "10")
    assert town("verify", "town").code == 0


def test_doctor_finds_a_sound_installation_sound(town):
    ran = town("doctor", "--json")
    assert ran.code == 0, ran.out
    assert ran.json()["ok"] is True


def test_doctor_says_which_model_is_broken(town, tmp_path):
    (tmp_path / "home" / "models" / "m" / "meta.json").unlink()
    ran = town("doctor")
    assert ran.code == 1
    assert "BAD  model m" in ran.out


def test_help_of_every_command_is_there(groundcast):
    for command in COMMANDS:
        ran = groundcast(command, "--help")
        assert ran.code == 0
        assert "Usage:" in ran.out
