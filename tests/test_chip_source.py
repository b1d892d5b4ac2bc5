"""Folders of geotagged pictures with a manifest."""

import csv
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from PIL import Image

from ingest.jobs.items import ChipIntake
from ingest.sources.chips import ChipSource
from ingest.sources.picture import quiet_pillow
from ingest.sources.source import FILL, SourceOptions
from trainer.errors import ItemError, SourceError


def picture(path: Path, value: int, size: tuple[int, int] = (40, 40)) -> Path:
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def manifest(folder: Path, rows: list[dict[str, object]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_bands(path: Path, driver: str, count: int, dtype: str, **options: object) -> None:
    """A square of 64 pixels, of bands of 10, 20, 30, …"""
    values = np.broadcast_to(np.arange(10, 10 * count + 1, 10, dtype)[:, None, None], (count, 64, 64))
    profile = {"driver": driver, "width": 64, "height": 64, "count": count, "dtype": dtype, **options}
    with quiet_pillow(), rasterio.open(path, "w", **profile) as file:
        file.write(values)


def test_a_csv_manifest_places_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 10)
    picture(tmp_path / "b.jpg", 200, (80, 40))
    manifest(
        tmp_path,
        [
            {"path": "a.png", "lat": 1.5, "lon": -2.5, "size_m": 480, "acquired_at": "2024-05-01T10:00:00+02:00"},
            {"path": "b.jpg", "lat": 0, "lon": 0, "gsd_m": 0.5, "id": "bee", "acquired_at": "2024-05-02"},
        ],
    )
    with ChipSource(tmp_path, SourceOptions()) as source:
        a, b = source.items()
        assert (a.id, a.lat, a.lon, a.size_m) == ("a.png", 1.5, -2.5, 480)
        assert a.acquired_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
        assert (b.id, b.size_m, b.acquired_at) == ("bee", 40, datetime(2024, 5, 2, tzinfo=UTC))
        chip = source.read_item("a.png", 16)
        assert (chip.image == 10).all() and chip.valid.all() and chip.gsd_m == 12
        assert source.coverage().area > 0 and not source.problems
        assert source.fingerprint() == ChipSource(tmp_path, SourceOptions()).fingerprint()


def test_a_parquet_manifest_places_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 10)
    when = datetime(2024, 5, 1, 10, tzinfo=UTC)
    table = pa.table({"path": ["a.png"], "lat": [1.0], "lon": [2.0], "gsd_m": [0.5], "acquired_at": [when]})
    pq.write_table(table, tmp_path / "manifest.parquet")
    (item,) = ChipSource(tmp_path, SourceOptions()).items()
    assert item.size_m == 20 and item.acquired_at == when


def test_rows_that_cannot_be_used_are_problems_and_the_others_are_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 10)
    good = {"path": "a.png", "lat": 1, "lon": 2, "size_m": 100, "id": "good", "acquired_at": ""}
    manifest(
        tmp_path,
        [
            good,
            good | {"path": "missing.png", "id": "1"},
            good | {"lat": "nan", "id": "2"},
            good | {"lat": 120.0, "lon": 45.0, "id": "3"},
            good,
            good | {"size_m": 0, "id": "4"},
            good | {"acquired_at": "last summer", "id": "5"},
            good | {"lat": "north", "id": "6"},
            good | {"lat": 0, "lon": 0, "id": "null island"},
        ],
    )
    source = ChipSource(tmp_path, SourceOptions())
    assert [item.id for item in source.items()] == ["good", "null island"]
    reasons = [p.reason for p in source.problems]
    assert reasons == ["missing", "bad_place", "bad_place", "duplicate_id", "no_size", "bad_date", "bad_place"]
    assert "swapped" in source.problems[2].message and "row 5" in source.problems[2].subject


def test_a_manifest_without_what_is_needed_says_what(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no manifest.csv"):
        ChipSource(tmp_path, SourceOptions())
    manifest(tmp_path, [{"path": "a.png", "latitude": 1, "lon": 2, "size_m": 3}])
    with pytest.raises(SourceError, match="column lat is missing; it has path, latitude"):
        ChipSource(tmp_path, SourceOptions())
    manifest(tmp_path, [{"path": "a.png", "lat": 1, "lon": 2}])
    with pytest.raises(SourceError, match=r"size_m or gsd_m is missing"):
        ChipSource(tmp_path, SourceOptions())
    manifest(tmp_path, [{"path": "a.png", "lat": 1, "lon": 2, "size_m": 3}])
    with pytest.raises(SourceError, match=r"no row can be used: .*there is no such file"):
        ChipSource(tmp_path, SourceOptions())
    (tmp_path / "manifest.csv").unlink()
    (tmp_path / "manifest.parquet").write_bytes(b"not parquet")
    with pytest.raises(SourceError, match="cannot be read"):
        ChipSource(tmp_path, SourceOptions())


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_picture_that_cannot_be_decoded_fails_alone(tmp_path: Path, side: int) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:1500])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "bomb.png").write_bytes(png_claiming(side, side))
    picture(tmp_path / "good.png", 9)
    names = ["cut.jpg", "empty.png", "text.png", "bomb.png", "good.png"]
    manifest(tmp_path, [{"path": name, "lat": 1, "lon": 2, "size_m": 3} for name in names])
    source = ChipSource(tmp_path, SourceOptions())
    reasons = []
    for name in names[:-1]:
        with pytest.raises(ItemError, match=name) as caught:
            source.read_item(name, 8)
        reasons.append(caught.value.reason)
    assert reasons == ["truncated", "empty", "not_an_image", "too_large"]
    assert (source.read_item("good.png", 8).image == 9).all()
    with pytest.raises(ItemError, match="no row has the id"):
        source.read_item("other", 8)


def test_transparency_and_nodata_are_invalid(tmp_path: Path) -> None:
    pixels = np.full((40, 40, 4), 100, np.uint8)
    pixels[..., 3] = 255
    pixels[:20, :, 3] = 0
    pixels[20:, :20, :3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    manifest(tmp_path, [{"path": "a.png", "lat": 1, "lon": 2, "size_m": 3}])
    chip = ChipSource(tmp_path, SourceOptions(nodata=0.0)).read_item("a.png", 40)
    assert chip.valid.mean() == pytest.approx(0.25) and (chip.image[~chip.valid] == FILL).all()


def test_chips_of_an_area_are_those_whose_outline_touches_it_each_at_a_latitude_of_its_own(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-89.99, 89.99, 200), rng.uniform(-180, 180, 200)
    sizes = np.where(np.arange(200) % 20, rng.uniform(100, 5_000, 200), 200_000)
    rows = [f"a.png,{a},{b},{c},{n}" for n, (a, b, c) in enumerate(zip(lat, lon, sizes, strict=True))]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,lat,lon,size_m,id", *rows]))
    with ChipSource(tmp_path, SourceOptions()) as source:
        outlines = [item.footprint.polygon for item in source.items()]
        assert shapely.symmetric_difference(source.coverage(), shapely.union_all(outlines)).area < 1e-6
        triangle = shapely.Polygon([(-20, 70), (179, 12), (-60, -88)])
        pole = shapely.box(-180, 80, 180, 90)
        for area in (triangle, pole, shapely.MultiPolygon([triangle, pole]), shapely.Point(lon[3], lat[3])):
            wanted = [str(n) for n, outline in enumerate(outlines) if outline.intersects(area)]
            assert list(ChipIntake(source, size_px=8, area=area).ids()) == wanted != []
        assert list(ChipIntake(source, size_px=8, area=shapely.Point(0, 0).buffer(1e-9)).ids()) == []
        assert len(list(ChipIntake(source, size_px=8).ids())) == 200


@pytest.mark.parametrize("name", ["a\0.png", "a" * 5_000 + ".png"])
def test_a_path_that_can_be_no_file_costs_its_own_row_alone(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png", 10)
    rows = pa.table({"path": ["a.png", name], "lat": [1.0, 1.0], "lon": [2.0, 2.0], "size_m": [100.0, 100.0]})
    pq.write_table(rows, tmp_path / "manifest.parquet")
    with ChipSource(tmp_path, SourceOptions()) as source:
        assert [item.id for item in source.items()] == ["a.png"]
        assert [problem.reason for problem in source.problems] == ["missing"]


def test_bands_that_nothing_tells_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_bands(tmp_path / "a.tif", "GTiff", 13, "uint16")
    write_bands(tmp_path / "b.tif", "GTiff", 13, "uint16")
    picture(tmp_path / "c.png", 10)
    manifest(tmp_path, [{"path": f"{name}", "lat": 0, "lon": 0, "size_m": 640} for name in ("c.png", "a.tif", "b.tif")])
    with ChipSource(tmp_path, SourceOptions()) as source:
        (note,) = source.notes
        assert note.subject.endswith("a.tif") and "showing bands 1,2,3 of 13" in note.message
        assert note.message in caplog.text
    with ChipSource(tmp_path, SourceOptions(bands=(4, 3, 2))) as source:
        assert not source.notes


def test_jpeg_2000_is_read(tmp_path: Path) -> None:
    write_bands(tmp_path / "a.jp2", "JP2OpenJPEG", 3, "uint8", REVERSIBLE="YES", QUALITY=100)
    manifest(tmp_path, [{"path": "a.jp2", "lat": 0, "lon": 0, "gsd_m": 10}])
    with ChipSource(tmp_path, SourceOptions()) as source:
        assert source.items()[0].size_m == 640
        assert source.read_item("a.jp2", 16).image[8, 8].tolist() == [10, 20, 30]
