"""Tile pyramids: folders, PMTiles, and a real tile server on this machine."""

import io
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from local_server import answering, serving
from make_data import expected_pattern, tile_of, tile_picture, write_pyramid
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.sources.pyramid import PyramidSource
from ingest.sources.source import FILL, SourceOptions
from ingest.sources.tiles.folder import FolderStore
from ingest.sources.tiles.pmtiles_store import PmtilesStore
from ingest.sources.tiles.server import WebStore
from ingest.sources.web import mask_url
from trainer.errors import ItemError, SourceError

LAT, LON, WAVE_M = 10.0, 20.0, 200.0


def folder_source(root: Path, **options: object) -> PyramidSource:
    settings = SourceOptions(**options)  # type: ignore[arg-type]
    return PyramidSource(FolderStore(root, settings), settings)


def off(image: np.ndarray, footprint: Footprint, wave_m: float = WAVE_M) -> float:
    """Mean difference from a perfect reading, grey levels."""
    expected = expected_pattern(footprint, image.shape[0], wave_m=wave_m)
    return float(np.abs(image.astype(int) - expected).mean())


@pytest.mark.parametrize("tms", [False, True])
def test_a_folder_of_mixed_png_and_jpeg_is_read_in_place(tmp_path: Path, tms: bool) -> None:
    root = write_pyramid(tmp_path / "t", (16, 17, 18), lat=LAT, lon=LON, around=3, wave_m=WAVE_M, tms=tms)
    with folder_source(root, tms=tms) as source:
        assert source.gsd_m == pytest.approx(0.588, abs=0.002)
        for size_m, size_px in ((200, 224), (200, 50), (333, 100)):
            footprint = Footprint(LAT, LON, float(size_m))
            chip = source.read(footprint, size_px)
            assert chip.valid.all() and off(chip.image, footprint) < 5
            one_pixel_off = Footprint(LAT + size_m / size_px / 111e3, LON, float(size_m))
            assert off(chip.image, one_pixel_off) > off(chip.image, footprint)


def test_the_coarsest_zoom_that_is_fine_enough_is_read(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (15, 16, 17, 18), lat=LAT, lon=LON, around=2, wave_m=WAVE_M)
    with folder_source(root) as source:
        assert source.read(Footprint(LAT, LON, 200.0), 200).origin.split("/")[-3] == "18"
        assert source.read(Footprint(LAT, LON, 400.0), 200).origin.split("/")[-3] == "17"
        assert source.read(Footprint(LAT, LON, 400.0), 100).origin.split("/")[-3] == "16"
    with folder_source(root, zoom=18) as source:
        chip = source.read(Footprint(LAT, LON, 400.0), 50)
        assert chip.origin.split("/")[-3] == "18" and chip.gsd_m == pytest.approx(0.588, abs=0.002)
    with pytest.raises(SourceError, match="no zoom 5, only 15, 16, 17, 18"):
        folder_source(root, zoom=5)


def test_a_tile_that_several_ask_for_at_once_is_fetched_once(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (17,), lat=LAT, lon=LON, around=1, wave_m=WAVE_M)
    fetched: Counter[tuple[int, int, int]] = Counter()

    class Slow(FolderStore):
        def get(self, z: int, x: int, y: int) -> bytes | None:
            fetched[z, x, y] += 1
            time.sleep(0.02)  # as long as a network takes, so that all ask before the first has it
            return super().get(z, x, y)

    with PyramidSource(Slow(root, SourceOptions()), SourceOptions()) as source, ThreadPoolExecutor(8) as threads:
        chips = list(threads.map(lambda _: source.read(Footprint(LAT, LON, 250.0), 100), range(8)))
    assert set(fetched.values()) == {1}
    assert all(np.array_equal(chip.image, chips[0].image) for chip in chips)


def test_where_a_tile_is_missing_another_zoom_fills_in(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (17, 18), lat=LAT, lon=LON, around=2, wave_m=WAVE_M)
    x, y = tile_of(18, lat=LAT, lon=LON)
    for file in (root / "18" / str(x)).glob(f"{y}.*"):
        file.unlink()
    footprint = Footprint(LAT, LON, 250.0)
    with folder_source(root) as source:
        chip = source.read(footprint, 250)
        assert chip.valid.all() and off(chip.image, footprint) < 5
    with folder_source(root, zoom=18) as source:
        assert 0.2 < source.read(footprint, 250).valid.mean() < 0.9


def test_outside_its_tiles_a_pyramid_has_nothing(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (17,), lat=LAT, lon=LON, around=1, wave_m=WAVE_M)
    with folder_source(root, date_in_name="%Y%m%d", acquired_at=datetime(2020, 1, 1, tzinfo=UTC)) as source:
        away = source.read(Footprint(-50.0, LON, 200.0), 20)
        assert not away.valid.any() and (away.image == FILL).all() and away.origin == "" and away.acquired_at is None
        assert source.read(Footprint(LAT, LON, 200.0), 20).acquired_at == datetime(2020, 1, 1, tzinfo=UTC)
        assert source.coverage().bounds == pytest.approx((LON, LAT, LON, LAT), abs=0.006)


@pytest.mark.parametrize("size", [(16, 40_000), (256, 255), (4097, 4097), (1, 1)])
def test_what_is_no_square_of_a_map_tile_size_is_not_stretched_to_one(tmp_path: Path, size: tuple[int, int]) -> None:
    x, y = tile_of(17, lat=LAT, lon=LON)
    path = tmp_path / "t" / "17" / str(x) / f"{y}.png"
    path.parent.mkdir(parents=True)
    Image.new("L", size).save(path)
    with folder_source(tmp_path / "t") as source, pytest.raises(ItemError) as caught:
        source.read(Footprint(LAT, LON, 10.0), 8)
    assert caught.value.reason == "corrupt" and f"{size[0]}×{size[1]} px: a map tile is a square" in str(caught.value)


def test_transparent_pixels_and_undeclared_nodata_are_invalid(tmp_path: Path) -> None:
    root = tmp_path / "t"
    x, y = tile_of(17, lat=LAT, lon=LON)
    (root / "17" / str(x)).mkdir(parents=True)
    pixels = np.full((256, 256, 4), 100, np.uint8)
    pixels[..., 3] = 255
    pixels[:128, :, 3] = 0
    pixels[128:, :128, :3] = 255
    Image.fromarray(pixels).save(root / "17" / str(x) / f"{y}.png")
    with folder_source(root) as source, folder_source(root, nodata=255.0) as strict:
        west, south, east, north = source.coverage().bounds
        footprint = Footprint((south + north) / 2, (west + east) / 2, 250.0)
        assert source.read(footprint, 100).valid.mean() == pytest.approx(0.5, abs=0.03)
        chip = strict.read(footprint, 100)
        assert chip.valid.mean() == pytest.approx(0.25, abs=0.03)
        assert np.abs(chip.image[chip.valid].astype(int) - 100).max() <= 4


def test_a_pyramid_of_the_world_is_whole_across_the_antimeridian_and_ends_at_85_degrees(tmp_path: Path) -> None:
    root = tmp_path / "t"
    for x in range(8):
        (root / "3" / str(x)).mkdir(parents=True)
        for y in range(8):
            tile_picture(3, x, y, wave_m=20_037_508 / 4.5).save(root / "3" / str(x) / f"{y}.png")
    wave_m = 20_037_508 / 4.5  # nine waves around the equator: no jump of the pattern at ±180°
    with folder_source(root) as source:
        for lat, lon in ((0, 180), (60, -179), (-70, 179.9)):
            footprint = Footprint(lat, lon, 1_500e3)
            chip = source.read(footprint, 60)
            assert chip.valid.all()
            assert off(chip.image, footprint, wave_m) < 6
        assert 0.4 < source.read(Footprint(85, 10, 500e3), 60).valid.mean() < 0.65
        assert source.read(Footprint(90, 10, 2_000e3), 60).valid.mean() == pytest.approx(0.76, abs=0.02)
        assert not source.read(Footprint(90, 10, 500e3), 60).valid.any()


@pytest.mark.parametrize("content", [b"", b"no picture at all", "cut"])
def test_a_broken_tile_fails_alone(tmp_path: Path, content: bytes | str) -> None:
    root = write_pyramid(tmp_path / "t", (17,), lat=LAT, lon=LON, around=2, wave_m=WAVE_M)
    x, y = tile_of(17, lat=LAT, lon=LON)
    file = next((root / "17" / str(x)).glob(f"{y}.*"))
    file.write_bytes(file.read_bytes()[:2000] if isinstance(content, str) else content)
    with folder_source(root) as source:
        with pytest.raises(ItemError, match=file.name) as caught:
            source.read(Footprint(LAT, LON, 100.0), 100)
        assert caught.value.reason in {"truncated", "empty", "not_an_image"}
        assert source.read(Footprint(LAT - 0.005, LON, 100.0), 100).valid.all()


def test_a_tile_that_would_need_thousands_of_map_tiles_is_refused(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (18,), lat=LAT, lon=LON, around=1, wave_m=WAVE_M)
    with folder_source(root) as source, pytest.raises(ItemError, match="map tiles of zoom 18"):
        source.read(Footprint(LAT, LON, 20_000.0), 100)


def test_a_folder_without_tiles_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "3" / "4").mkdir(parents=True)
    with pytest.raises(SourceError, match="no tile found"):
        folder_source(tmp_path)


def test_the_fingerprint_follows_the_tiles(tmp_path: Path) -> None:
    root = write_pyramid(tmp_path / "t", (17,), lat=LAT, lon=LON, around=1, wave_m=WAVE_M)
    first = folder_source(root).fingerprint()
    assert folder_source(root).fingerprint() == first
    next(root.rglob("*.png")).unlink()
    assert folder_source(root).fingerprint() != first


def write_pmtiles(path: Path, kind: TileType = TileType.PNG) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        cx, cy = tile_of(17, lat=LAT, lon=LON)
        places = [(cx + i, cy + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        for x, y in sorted(places, key=lambda p: zxy_to_tileid(17, *p)):
            data = io.BytesIO()
            tile_picture(17, x, y, wave_m=WAVE_M).save(data, "PNG")
            writer.write_tile(zxy_to_tileid(17, x, y), data.getvalue())
        e7 = {
            "min_lon_e7": LON - 0.003,
            "min_lat_e7": LAT - 0.003,
            "max_lon_e7": LON + 0.003,
            "max_lat_e7": LAT + 0.003,
        }
        header = {k: int(v * 1e7) for k, v in e7.items()} | {
            "tile_type": kind, "tile_compression": Compression.NONE, "min_zoom": 17, "max_zoom": 17,
            "center_zoom": 17, "center_lon_e7": int(LON * 1e7), "center_lat_e7": int(LAT * 1e7),
        }  # fmt: skip
        writer.finalize(header, {"attribution": "the test"})
    return path


def test_pmtiles_are_read_in_place(tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "a.pmtiles")
    with PyramidSource(PmtilesStore(str(path), SourceOptions()), SourceOptions()) as source:
        footprint = Footprint(LAT, LON, 200.0)
        chip = source.read(footprint, 200)
        assert chip.valid.all() and off(chip.image, footprint) < 5
        assert source.attribution == "the test" and chip.origin.startswith(f"{path}#17/")


def test_pmtiles_of_vectors_and_broken_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="MVT, not pictures"):
        PmtilesStore(str(write_pmtiles(tmp_path / "a.pmtiles", TileType.MVT)), SourceOptions())
    (tmp_path / "b.pmtiles").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(SourceError, match="not a PMTiles archive"):
        PmtilesStore(str(tmp_path / "b.pmtiles"), SourceOptions())
    (tmp_path / "c.pmtiles").touch()
    with pytest.raises(SourceError, match="0 bytes"):
        PmtilesStore(str(tmp_path / "c.pmtiles"), SourceOptions())


@dataclass
class TileServer:
    """A tile server with moods; it remembers who asked for what, and when."""

    url: str = ""
    requests: list[tuple[float, str, str]] = field(default_factory=list)
    fail_first: int = 0
    forbidden: bool = False
    retry_after: str | None = None
    file: bytes | None = None

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.requests.append((time.monotonic(), path, headers.get("User-Agent", "")))
        if self.forbidden:
            return 403, {}, b""
        if len(self.requests) <= self.fail_first:
            return (
                (429 if self.retry_after else 500),
                {"Retry-After": self.retry_after} if self.retry_after else {},
                b"",
            )
        if self.file is not None:
            first, last = (int(v) for v in headers["Range"].removeprefix("bytes=").split("-"))
            return 206, {}, self.file[first : last + 1]
        z, x, y = (int(v.split(".")[0]) for v in path.split("?", maxsplit=1)[0].split("/")[-3:])
        centre = tile_of(z, lat=LAT, lon=LON)
        if abs(x - centre[0]) > 2 or abs(y - centre[1]) > 2:
            return 404, {}, b"none here"
        data = io.BytesIO()
        tile_picture(z, x, y, wave_m=WAVE_M).save(data, "PNG")
        return 200, {"Content-Type": "image/png"}, data.getvalue()


@pytest.fixture
def server() -> Iterator[TileServer]:
    state = TileServer()
    with serving(answering(state.answer)) as state.url:
        yield state


def web_source(server: TileServer, template: str = "/{z}/{x}/{y}.png?key=geheim", **options: object) -> PyramidSource:
    settings = SourceOptions(**{"rate_per_s": 1000.0, "zoom": 17, **options})  # type: ignore[arg-type]
    return PyramidSource(WebStore(server.url + template, settings), settings)


def test_a_tile_server_is_read_in_place_and_told_who_asks(server: TileServer) -> None:
    with web_source(server) as source:
        footprint = Footprint(LAT, LON, 200.0)
        chip = source.read(footprint, 200)
        assert chip.valid.all() and off(chip.image, footprint) < 5
        assert "geheim" not in source.uri + chip.origin and "key=***" in chip.origin
        assert source.coverage().bounds == pytest.approx((-180, -85.05, 180, 85.05), abs=0.01)
    assert all(agent.startswith("groundcast") for _, _, agent in server.requests)


def test_tms_rows_in_the_template_and_as_option_are_the_same(server: TileServer) -> None:
    x, y = tile_of(17, lat=LAT, lon=LON)
    for template, options in (("/{z}/{x}/{-y}.png", {}), ("/{z}/{x}/{y}.png", {"tms": True})):
        server.requests.clear()
        with web_source(server, template, **options) as source:
            source.read(Footprint(LAT, LON, 10.0), 8)
        assert f"/17/{x}/{2**17 - 1 - y}.png" in {path for _, path, _ in server.requests}


def test_a_tile_that_is_not_there_is_no_failure(server: TileServer) -> None:
    with web_source(server) as source:
        assert not source.read(Footprint(-30.0, LON, 200.0), 20).valid.any()


def test_a_server_that_stumbles_is_asked_again(server: TileServer) -> None:
    server.fail_first = 2
    with web_source(server) as source:
        assert source.read(Footprint(LAT, LON, 10.0), 8).valid.all()
    assert len(server.requests) >= 3


def test_a_server_that_asks_for_patience_gets_it(server: TileServer) -> None:
    server.fail_first, server.retry_after = 1, "1"
    with web_source(server) as source:
        assert source.read(Footprint(LAT, LON, 10.0), 8).valid.all()
    assert server.requests[1][0] - server.requests[0][0] >= 0.95


def test_a_refusal_is_an_error_without_secrets(server: TileServer) -> None:
    server.forbidden = True
    with web_source(server) as source, pytest.raises(ItemError, match=r"403.*access key") as caught:
        source.read(Footprint(LAT, LON, 10.0), 8)
    assert caught.value.reason == "http" and "geheim" not in str(caught.value)


def test_no_answer_after_all_retries_is_an_error(server: TileServer) -> None:
    server.fail_first = 99
    with web_source(server, retries=1) as source, pytest.raises(ItemError) as caught:
        source.read(Footprint(LAT, LON, 10.0), 8)
    assert caught.value.reason == "http" and len(server.requests) == 2
    settings = SourceOptions(retries=0, timeout_s=2)
    with (
        PyramidSource(WebStore("http://127.0.0.1:9/{z}/{x}/{y}.png", settings), settings) as nobody,
        pytest.raises(ItemError, match="no answer"),
    ):
        nobody.read(Footprint(LAT, LON, 10.0), 8)


def test_a_second_reading_comes_from_the_cache(server: TileServer, tmp_path: Path) -> None:
    counts: list[int] = []
    for _ in range(2):
        with web_source(server, cache_dir=tmp_path / "cache") as source:
            assert source.read(Footprint(LAT, LON, 10.0), 8).valid.all()
            source.read(Footprint(-30.0, LON, 10.0), 8)
        counts.append(len(server.requests))
        server.fail_first = 10**6  # from now on it only fails
    assert counts[0] == counts[1] > 0


def test_requests_keep_to_the_rate(server: TileServer) -> None:
    with web_source(server, rate_per_s=5.0) as source:
        for i in range(7):
            source.read(Footprint(-30.0, LON + i, 10.0), 8)
    times = [at for at, _, _ in server.requests]
    assert len(times) >= 7 and times[6] - times[0] >= 0.9


def test_pmtiles_behind_range_requests_are_read(server: TileServer, tmp_path: Path) -> None:
    server.file = write_pmtiles(tmp_path / "a.pmtiles").read_bytes()
    settings = SourceOptions(rate_per_s=1000.0)
    with PyramidSource(PmtilesStore(f"{server.url}/a.pmtiles", settings), settings) as source:
        assert source.read(Footprint(LAT, LON, 100.0), 50).valid.all()


def test_secrets_in_urls_are_masked() -> None:
    assert (
        mask_url("https://me:pw@x.org/{z}/{x}/{y}?api_key=1&style=a&Token=2")
        == "https://x.org/{z}/{x}/{y}?api_key=***&style=a&Token=***"
    )


def test_real_pyramids_are_read(real_data: Path) -> None:
    for name in ("zanzibar_xyz", "kampala_xyz"):
        with folder_source(real_data / "overhead" / name) as source:
            assert source.gsd_m == pytest.approx(0.0744, abs=0.0005)
            tiles = list(Grid(25, 25).tiles(source.coverage()))[::10]
            shares = [source.read(tile.footprint, 64).valid.mean() for tile in tiles]
            assert np.mean(np.array(shares) == 1.0) > 0.3 and min(shares) >= 0
