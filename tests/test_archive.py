import json
import resource
from datetime import UTC, datetime

import duckdb
import geopandas
import numpy as np
import pytest

from ingest.archive import Archive, points
from trainer.errors import ArchiveError


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
    path = archive.write("j-000000", [record(n) for n in range(3)], written, META)
    rows = duckdb.sql(f"SELECT tile_id, vector, bbox.xmin FROM '{path}' WHERE bbox.xmax > 20.005").fetchall()
    assert [row[0] for row in rows] == ["t0001", "t0002"]
    np.testing.assert_allclose(rows[0][1], written[1], rtol=1e-3)


def test_geopandas_reads_footprints_in_wgs84(archive):
    path = archive.write("j-000000", [record(n) for n in range(3)], vectors(3), META)
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_epsg() == 4326 or str(frame.crs) == "OGC:CRS84"
    metres = frame.geometry.to_crs("EPSG:6933").area
    np.testing.assert_allclose(metres, 480.0**2, rtol=1e-3)
    inside = geopandas.read_parquet(path, bbox=(19.99, 9.99, 20.004, 10.01))
    assert list(inside["tile_id"]) == ["t0000"]


def test_a_footprint_across_the_antimeridian_is_split(archive):
    path = archive.write("j-000000", [record(0, lat=0.0, lon=180.0)], vectors(1), META)
    geometry = geopandas.read_parquet(path).geometry[0]
    assert geometry.geom_type == "MultiPolygon"
    assert geometry.area < 0.001
    west, _, east, _ = points(archive.read("j-000000"), "tiles").payloads[0]["bbox"]
    assert west > 179 and east < -179


def test_photos_keep_missing_places_and_times_missing(tmp_path):
    gallery = Archive(tmp_path / "g", "gallery")
    path = gallery.write("j-000000", [photo(0), photo(1)], vectors(2), META)
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
    path = archive.write("j-000000", [record(n) for n in range(50)], vectors(50), META)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArchiveError, match=r"j-000000.parquet: not a readable part .*verify NAME --repair"):
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


def test_temporary_files_of_a_killed_process_are_swept_and_are_no_parts(archive):
    archive.write("j-000000", [record(0)], vectors(1), META)
    (archive.folder / "j-000001.parquet.123.tmp").write_bytes(b"half")
    assert [path.name for path in archive.parts()] == ["j-000000.parquet"]
    assert archive.sweep() == 1
    assert [path.name for path in archive.folder.iterdir()] == ["j-000000.parquet"]
