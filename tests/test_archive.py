import json
import re
import resource
import signal
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import geopandas
import numpy as np
import pytest
from upath import UPath

from ingest.archive import files as storage
from ingest.archive.parts import Archive
from ingest.index.points import points
from tests.conftest import ROOT
from tests.services import PASSWORD
from trainer.errors import ArchiveError, SettingsError, StorageError


def record(number, lat=10.0, lon=20.0):
    acquired = datetime(2020, 7, 1, 12, tzinfo=UTC) if number % 2 else None
    return {
        "tile_id": f"t{number:04d}",
        "lat": lat,
        "lon": lon + number / 100,
        "size_m": 480.0,
        "acquired_at": acquired,
        "gsd_m": 0.6,
        "valid_fraction": 1.0,
        "origin": "a.tif",
    }


def photo(number):
    return {
        "photo_id": f"p{number}",
        "lat": None if number == 0 else 55.7,
        "lon": None if number == 0 else 13.2,
        "taken_local": datetime(2020, 7, 1, 12),
        "taken_utc": None,
        "path": f"p{number}.jpg",
        "url": None,
        "owner": "Ada",
        "licence": "CC BY 4.0",
        "heading_deg": None,
    }


def vectors(count, dim=8):
    return np.random.default_rng(0).normal(0, 5, (count, dim)).astype(np.float32)


META = {"collection": "c", "model_id": "m", "skipped": {"no_data": 2}, "failures": []}


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive" / "c", "tiles")


def test_a_part_comes_back_as_it_was_written(archive):
    written = vectors(5)
    archive.write("j-000000", [record(n) for n in range(5)], written, META)
    part = archive.read("j-000000")
    assert part.table["tile_id"].to_pylist() == [f"t{n:04d}" for n in range(5)]
    assert part.table["acquired_at"].to_pylist()[:2] == [None, datetime(2020, 7, 1, 12, tzinfo=UTC)]
    assert part.meta["skipped"] == {"no_data": 2}
    np.testing.assert_allclose(part.vectors(), written, rtol=1e-3)
    np.testing.assert_allclose(part.table["norm"].to_numpy(), np.linalg.norm(written, axis=1), rtol=1e-6)


def test_duckdb_reads_ids_vectors_and_boxes(archive):
    written = vectors(3)
    archive.write("j-000000", [record(n) for n in range(3)], written, META)
    path = archive.path("j-000000")
    rows = duckdb.sql(f"SELECT tile_id, vector, bbox.xmin FROM '{path}' WHERE bbox.xmax > 20.005").fetchall()
    assert [row[0] for row in rows] == ["t0001", "t0002"]
    np.testing.assert_allclose(rows[0][1], written[1], rtol=1e-3)


def test_what_writing_returns_is_what_reading_gives(archive):
    written = archive.write("j-000000", [record(n) for n in range(3)], vectors(3), META)
    read = archive.read("j-000000")
    assert written.table.column_names == read.table.column_names
    assert written.table.to_pylist() == read.table.to_pylist()
    assert (written.key, written.meta) == (read.key, read.meta)
    np.testing.assert_array_equal(written.vectors(), read.vectors())


def test_geopandas_reads_footprints_in_wgs84(archive):
    archive.write("j-000000", [record(n) for n in range(3)], vectors(3), META)
    path = archive.path("j-000000")
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_epsg() == 4326 or str(frame.crs) == "OGC:CRS84"
    metres = frame.geometry.to_crs("EPSG:6933").area
    np.testing.assert_allclose(metres, 480.0**2, rtol=1e-3)
    inside = geopandas.read_parquet(path, bbox=(19.99, 9.99, 20.004, 10.01))
    assert list(inside["tile_id"]) == ["t0000"]


def test_a_footprint_across_the_antimeridian_is_split(archive):
    archive.write("j-000000", [record(0, lat=0.0, lon=180.0)], vectors(1), META)
    path = archive.path("j-000000")
    geometry = geopandas.read_parquet(path).geometry[0]
    assert geometry.geom_type == "MultiPolygon"
    assert geometry.area < 0.001
    west, _, east, _ = points(archive.read("j-000000"), "tiles").payloads[0]["bbox"]
    assert west > 179 and east < -179


def test_photos_keep_missing_places_and_times_missing(tmp_path):
    gallery = Archive(tmp_path / "g", "gallery")
    gallery.write("j-000000", [photo(0), photo(1)], vectors(2), META)
    path = gallery.path("j-000000")
    frame = geopandas.read_parquet(path)
    assert frame.geometry.isna().tolist() == [True, False]
    payloads = points(gallery.read("j-000000"), "gallery").payloads
    assert "location" not in payloads[0]
    assert payloads[1]["location"] == {"lat": 55.7, "lon": 13.2}
    assert "taken_utc" not in payloads[0]


def test_payloads_are_json(archive):
    archive.write("j-000000", [record(n) for n in range(2)], vectors(2), META)
    payloads = points(archive.read("j-000000"), "tiles").payloads
    assert json.loads(json.dumps(payloads)) == payloads
    assert "acquired_at" not in payloads[0]
    assert payloads[1]["acquired_at"] == "2020-07-01T12:00:00+00:00"


def test_a_point_has_the_length_of_its_vector_as_it_is_stored(archive):
    archive.write("j-000000", [record(n) for n in range(50)], vectors(50), META)
    part = archive.read("j-000000")
    made = points(part, "tiles")
    lengths = np.linalg.norm(made.vectors.astype(np.float64), axis=1)
    np.testing.assert_allclose([payload["norm"] for payload in made.payloads], lengths, rtol=1e-6)
    assert np.abs(part.table["norm"].to_numpy() / lengths - 1).max() > 1e-6  # of before it was rounded


def test_an_item_is_found_with_its_unnormalised_vector(archive):
    written = vectors(4)
    archive.write("j-000000", [record(n) for n in range(2)], written[:2], META)
    archive.write("j-000001", [record(n) for n in range(2, 4)], written[2:], META)
    found, vector = archive.find("t0003")
    assert found["lon"] == pytest.approx(20.03)
    np.testing.assert_allclose(vector, written[3], rtol=1e-3)
    assert archive.find("t9999") is None


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_part_cut_short_is_an_error_that_names_it(archive, keep):
    archive.write("j-000000", [record(n) for n in range(50)], vectors(50), META)
    path = archive.path("j-000000")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArchiveError, match=r"j-000000.parquet: not a readable part .*verify c --repair"):
        archive.read("j-000000")


def test_a_full_disk_leaves_no_part_and_no_temporary_file(archive):
    """A limit on the size of files makes the kernel refuse the write, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(ArchiveError, match=r"cannot be written .*free disk space"):
            archive.write("j-000000", [record(n) for n in range(2000)], vectors(2000, 64), META)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(archive.folder.iterdir()) == []


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from ingest.archive import files as storage

def fill(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

storage.write(Path(sys.argv[1]), fill)
"""


def test_temporary_files_of_a_killed_process_are_swept_and_are_no_parts(archive):
    archive.write("j-000000", [record(0)], vectors(1), META)
    for number in (1, 2):
        command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(archive.path(f"j-00000{number}"))]
        assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    assert len(list(archive.folder.iterdir())) == 3
    assert [path.name for path in archive.parts()] == ["j-000000.parquet"]
    assert archive.sweep() == 2
    assert [path.name for path in archive.folder.iterdir()] == ["j-000000.parquet"]


def test_temporary_files_of_a_process_that_still_writes_are_not_swept(archive):
    def fill(file):
        file.write(b"half")
        assert archive.sweep() == 0
        file.write(b"whole")

    storage.write(archive.path("j-000000"), fill)
    assert archive.path("j-000000").read_bytes() == b"halfwhole"


@pytest.fixture(params=["s3", "renaming"])
def remote(request, tmp_path):
    """An archive behind a URL: in an object store, and in a file system that renames, such as SFTP."""
    if request.param == "renaming":
        return Archive(UPath(f"file://{tmp_path}/archive/c"), "tiles")
    s3 = request.getfixturevalue("s3")
    return Archive(storage.open_folder(s3.url, s3.options) / "c", "tiles")


def test_a_remote_archive_holds_parts_like_a_local_one(remote, tmp_path):
    assert (remote.parts(), remote.has("j-000000")) == ([], False)
    assert remote.require_space() is None
    written = vectors(5)
    for key in ("j-000001", "j-000000"):
        remote.write(key, [record(n) for n in range(5)], written, META)
    assert [path.stem for path in remote.parts()] == ["j-000000", "j-000001"]
    part = remote.read("j-000000")
    np.testing.assert_allclose(part.vectors(), written, rtol=1e-3)
    assert part.meta["skipped"] == {"no_data": 2}
    record_, vector = remote.find("t0003")
    assert record_["lon"] == pytest.approx(20.03)
    np.testing.assert_allclose(vector, written[3], rtol=1e-3)
    with remote.at_hand(["j-000001.parquet"], beside=tmp_path) as local:
        assert isinstance(local.folder, Path)
        assert list(local.ids()) == [f"t{n:04d}" for n in range(5)]
    assert list(tmp_path.glob(storage.COPIES + "*")) == []


def test_a_remote_part_that_is_written_again_has_another_stamp(remote):
    remote.write("j-000000", [record(0)], vectors(1), META)
    before = remote.stamps()
    assert remote.stamps() == before
    remote.write("j-000000", [record(1)], vectors(1) * 2, META)
    assert remote.stamps() != before


def test_a_remote_part_is_removed_and_set_aside(remote):
    remote.write("j-000000", [record(0)], vectors(1), META)
    aside = remote.set_aside(remote.path("j-000000"))
    assert (remote.parts(), aside.name, storage.exists(aside)) == ([], "j-000000.parquet.broken", True)
    remote.write("j-000001", [record(0)], vectors(1), META)
    remote.remove("j-000001")
    remote.remove("j-000001")
    assert remote.parts() == []


def test_a_remote_part_that_is_cut_short_is_an_error_that_names_it(remote, tmp_path):
    remote.write("j-000000", [record(0)], vectors(1), META)
    path = remote.path("j-000000")
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ArchiveError, match=r"j-000000\.parquet: not a readable part"):
        remote.read("j-000000")
    with (
        pytest.raises(ArchiveError, match=rf"{re.escape(str(remote.folder))}/j-000000\.parquet: not a readable part"),
        remote.at_hand(["j-000000.parquet"], beside=tmp_path) as local,
    ):
        local.read("j-000000")


def test_an_object_store_that_is_away_is_an_error_that_says_what_to_do(s3):
    options = s3.options | {"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 1}}}
    away = Archive(storage.open_folder(s3.url, options) / "c", "tiles")
    with pytest.raises(ArchiveError, match=r"cannot be read .*Could not connect.* see `groundcast doctor`"):
        away.parts()
    with pytest.raises(ArchiveError, match="cannot be written") as caught:
        away.write("j-000000", [record(0)], vectors(1), META)
    with pytest.raises(StorageError, match="cannot be fetched"):  # not a broken part, which a repair would set aside
        away.read("j-000000")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value)) + repr(away.folder)


def test_an_archive_url_of_an_unknown_protocol_says_so():
    with pytest.raises(SettingsError, match=r"archive_url = 'nosuch://bucket/a'.*nosuch"):
        storage.open_folder("nosuch://bucket/a", {})


def test_a_url_of_local_files_is_a_folder(tmp_path):
    assert storage.open_folder(f"file://{tmp_path}/a%20b", {}) == tmp_path / "a b"
    assert storage.open_folder(str(tmp_path), {}) == tmp_path
