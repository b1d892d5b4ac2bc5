"""What a tile pyramid says of itself: which way rows count, where it lies, in which zooms; and templates."""

import io
import itertools
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import shapely
from local_server import answering, serving
from make_data import pattern_raster, tile_of, tile_picture, write_pyramid
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from ingest.geo.geometry import Footprint, box
from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.opening import open_source
from ingest.sources.chips import ChipSource
from ingest.sources.pyramid import PyramidSource
from ingest.sources.rasters.raster import RasterSource
from ingest.sources.source import Source, SourceOptions
from ingest.sources.tiles.mbtiles_store import MbtilesStore
from ingest.sources.tiles.store import tile_boxes
from trainer.errors import AreaError, ItemError, SourceError, UsageError

LAT, LON, WAVE_M = 10.0, 20.0, 200.0
SHARED: dict[bool, Path] = {}
TILE_MAP = (
    '<?xml version="1.0"?><TileMap version="1.0.0"><SRS>{srs}</SRS><Origin x="-20037508.34" y="{origin}"/>'
    '<TileFormat width="256" height="256" extension="png"/><TileSets profile="{profile}">'
    '<TileSet href="{href}" units-per-pixel="{upp}" order="0"/></TileSets></TileMap>'
)


def tile_map(
    srs: str = "EPSG:3857", profile: str = "mercator", origin: str = "-20037508.34", href: str = "17", z: int = 17
) -> str:
    upp = 156543.03392804097 / 2**z
    return TILE_MAP.format(srs=srs, profile=profile, origin=origin, href=href, upp=upp)


@pytest.fixture(scope="module", autouse=True)
def tiles(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nine tiles, made once, whose rows count either way."""
    for tms in (False, True):
        SHARED[tms] = write_pyramid(
            tmp_path_factory.mktemp("tiles"), (17,), lat=LAT, lon=LON, around=1, wave_m=WAVE_M, tms=tms
        )


def pyramid(root: Path, *, tms: bool, **files: str) -> Path:
    root.mkdir()
    (root / "17").symlink_to(SHARED[tms] / "17")
    for name, text in files.items():
        (root / name.replace("_", ".")).write_text(text)
    return root


def lies_here(source: Source | ChipSource) -> bool:
    assert isinstance(source, PyramidSource)
    with source:
        west, south, east, north = source.coverage().bounds
        away = [abs(value - place) for value, place in zip((west, south, east, north), (LON, LAT) * 2, strict=True)]
        there = max(away) < 0.011
        return bool(there and source.read(Footprint(LAT, LON, 100.0), 16).valid.all())


BOUNDS = [LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01]


@pytest.mark.parametrize(
    ("tms", "files"),
    [
        (True, {"tilemapresource_xml": tile_map()}),
        (True, {"tilemapresource_xml": tile_map(srs="OSGEO:41001", profile="")}),
        (False, {"tilemapresource_xml": tile_map(origin="20037508.34")}),
        (True, {"metadata_json": json.dumps({"scheme": "tms", "bounds": "19.9,9.9,20.1,10.1"})}),
        (False, {"metadata_json": json.dumps({"scheme": "xyz", "minzoom": "17", "maxzoom": "17"})}),
        (True, {"metadata_json": json.dumps({"bounds": BOUNDS})}),  # they tell which way rows count
        (False, {"metadata_json": json.dumps({"bounds": BOUNDS, "name": "a"})}),
        (True, {"town_json": json.dumps({"tilejson": "2.2.0", "scheme": "TMS"})}),
        (False, {"other_json": json.dumps({"scheme": "tms"})}),  # says nothing of tiles
        (False, {"broken_json": "{"}),
    ],
)
def test_rows_count_as_the_folder_says(tmp_path: Path, tms: bool, files: dict[str, str]) -> None:
    assert lies_here(open_source(str(pyramid(tmp_path / "t", tms=tms, **files))))


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"tilemapresource_xml": tile_map(srs="EPSG:4326", profile="geodetic")}, "cut in 'geodetic'"),
        ({"tilemapresource_xml": tile_map(srs="EPSG:32634", profile="raster")}, "cut in 'raster'"),
        ({"tilemapresource_xml": tile_map(srs="EPSG:32634", profile="")}, "cut in 'EPSG:32634'"),
        ({"tilemapresource_xml": tile_map(z=16)}, "which is zoom 16 of Web Mercator"),
        ({"tilemapresource_xml": tile_map(href="http://x/1.0.0/t/a")}, "name the folders after zooms"),
        ({"tilemapresource_xml": "<TileMap"}, "mend or remove it"),
        ({"tilemapresource_xml": '<?xml version="1.0" encoding="none"?><TileMap/>'}, "mend or remove it"),
        ({"metadata_json": json.dumps({"profile": "geodetic"})}, "only those in Web Mercator"),
        ({"metadata_json": json.dumps({"crs": "EPSG:2056"})}, "cut in 'EPSG:2056'"),
        ({"metadata_json": json.dumps({"scheme": "wmts"})}, "its scheme is 'wmts'"),
        ({"metadata_json": json.dumps({"bounds": [1, 2, 3]})}, "its bounds are"),
        ({"metadata_json": json.dumps({"bounds": [100, 9.9, 101, 10.1]})}, "outside the bounds"),
        ({"metadata_json": json.dumps({"minzoom": 9, "maxzoom": 3})}, "zooms from 9 to 3"),
        ({"metadata_json": "{"}, "mend or remove it"),
        ({"metadata_json": json.dumps({"scheme": "tms", "bounds": BOUNDS})}, "if rows count from the south"),
        ({"metadata_json": '{"scheme": "xyz"}', "tilemapresource_xml": tile_map()}, "remove the one that is wrong"),
    ],
)
def test_what_a_folder_cannot_mean_is_refused(tmp_path: Path, files: dict[str, str], word: str) -> None:
    with pytest.raises(SourceError, match=word):
        open_source(str(pyramid(tmp_path / "t", tms=False, **files)))


def test_a_pyramid_in_web_mercator_by_another_name_is_read(tmp_path: Path) -> None:
    from pyproj import CRS

    root = pyramid(tmp_path / "t", tms=True, tilemapresource_xml=tile_map(srs="EPSG:900913", profile="global-mercator"))
    assert lies_here(open_source(str(root)))
    wkt = CRS(3857).to_wkt().replace('"', "&quot;")
    (root / "tilemapresource.xml").write_text(tile_map(srs=wkt, profile=""))
    assert lies_here(open_source(str(root)))


def test_an_option_against_what_the_folder_says_is_an_error(tmp_path: Path) -> None:
    north = pyramid(tmp_path / "n", tms=False, metadata_json='{"scheme": "xyz"}')
    with pytest.raises(SourceError, match="leave --tms out"):
        open_source(str(north), SourceOptions(tms=True))
    south = pyramid(tmp_path / "s", tms=True, metadata_json='{"scheme": "tms"}')
    assert lies_here(open_source(str(south), SourceOptions(tms=True)))
    with pytest.raises(SourceError, match=r"write {-y} for {y}"):
        open_source(f"{south}/{{z}}/{{x}}/{{y}}.png")
    assert lies_here(open_source(f"{south}/{{z}}/{{x}}/{{-y}}.png"))


def test_coverage_ends_where_the_bounds_say(tmp_path: Path) -> None:
    root = pyramid(
        tmp_path / "t", tms=False, metadata_json=json.dumps({"bounds": [LON, LAT, LON + 0.001, LAT + 0.001]})
    )
    with open_source(str(root)) as source:
        assert source.coverage().bounds == pytest.approx((LON, LAT, LON + 0.001, LAT + 0.001))


@pytest.mark.parametrize("pattern", ["{z}/{y}/{x}.png", "{z}/{x}_{-y}.png", "{q}.png", "L{z}/deep/{z}-{x}-{y}.png"])
def test_a_template_on_disk_means_what_it_says(tmp_path: Path, pattern: str) -> None:
    from ingest.sources.tiles.template import TileTemplate

    template = TileTemplate(pattern, pattern)
    cx, cy = tile_of(17, lat=LAT, lon=LON)
    for x in (cx - 1, cx, cx + 1):
        for y in (cy - 1, cy, cy + 1):
            assert template.place(template.fill(17, x, y)) == (17, x, y)
            path = tmp_path / "t" / template.fill(17, x, y)
            path.parent.mkdir(parents=True, exist_ok=True)
            tile_picture(17, x, y, wave_m=WAVE_M).save(path)
    assert lies_here(open_source(f"{tmp_path}/t/{pattern}"))


def test_of_two_endings_the_one_in_the_template_is_taken(tmp_path: Path) -> None:
    root = tmp_path
    x, y = tile_of(17, lat=LAT, lon=LON)
    (root / "17" / str(x)).mkdir(parents=True)
    for ending in ("png", "jpg", "webp"):
        tile_picture(17, x, y, wave_m=WAVE_M).save(root / "17" / str(x) / f"{y}.{ending}")
    for ending in ("png", "jpg"):
        with open_source(f"{root}/{{z}}/{{x}}/{{y}}.{ending}") as source:
            assert source.read(Footprint(LAT, LON, 1.0), 2).origin.endswith(f"/{y}.{ending}")


@pytest.mark.parametrize("where", ["https://example.org/", "/nowhere/"])
@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("{z}/{x}/{y}{r}.png", r"{r} is not understood: write what stands there"),
        ("{TileMatrix}/{TileRow}/{TileCol}", r"{TileMatrix} is not understood"),
        ("{z}/{x}/{y}.png?key={key}", r"{key} is not understood"),
        ("{z}/{x}.png", "needs {z}, {x} and {y}"),
    ],
)
def test_unknown_placeholders_are_errors(tmp_path: Path, where: str, pattern: str, word: str) -> None:
    with pytest.raises(SourceError, match=word):
        open_source((where if where.startswith("http") else f"{tmp_path}/") + pattern)


def test_folders_of_a_year_and_its_months_are_no_pyramid(tmp_path: Path) -> None:
    for month, lon in (("07", 20.0), ("8", 21.0)):
        (tmp_path / "2022" / month).mkdir(parents=True)
        pattern_raster(tmp_path / "2022" / month / "1.tif", lon=lon, size=50)
    with open_source(str(tmp_path)) as source:
        assert isinstance(source, RasterSource) and not source.problems and len(list(source.coverage().geoms)) == 2


@pytest.mark.parametrize("folder", ["2022/07", "2022/7", "12/07", "31/4"])
def test_pictures_in_folders_of_dates_are_told_apart_from_tiles(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    tile_picture(3, 1, 1, wave_m=1e6).save(tmp_path / folder / "1.jpg")
    with pytest.raises(SourceError, match=r"no z/x/y tiles.*1\.jpg and other pictures do not say where they lie"):
        open_source(str(tmp_path))


def write_pmtiles(path: Path, bounds: tuple[float, float, float, float], zooms: tuple[int, ...] = (17,)) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        places = set()
        for z in zooms:
            x, y = tile_of(z, lat=LAT, lon=LON)
            reach = 1 if z == max(zooms) else 0
            places |= {(z, x + i, y + j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)}
        for z, x, y in sorted(places, key=lambda place: zxy_to_tileid(*place)):
            data = io.BytesIO()
            tile_picture(z, x, y, wave_m=WAVE_M).save(data, "PNG")
            writer.write_tile(zxy_to_tileid(z, x, y), data.getvalue())
        e7 = dict(
            zip(("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7"), (int(v * 1e7) for v in bounds), strict=True)
        )
        center = {"center_zoom": 17, "center_lon_e7": int(LON * 1e7), "center_lat_e7": int(LAT * 1e7)}
        header = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE, "min_zoom": 0, "max_zoom": 0}
        writer.finalize(header | e7 | center, {})
    return path


@pytest.mark.parametrize(
    "bounds",
    [
        (0, 0, 0, 0),
        (179.9, 9.9, -179.9, 10.1),
        (20.01, 10.01, 19.99, 9.99),
        (9.99, 19.99, 10.01, 20.01),
        (-180, -85.05, 180, 85.05),
        (19.99, 9.99, 20.01, 200),
        (20.002, 10.002, 20.01, 10.01),
    ],
    ids=["zero", "across 180", "min and max swapped", "lat and lon swapped", "the world", "no latitude", "a part"],
)
def test_pmtiles_whose_header_lies_are_where_their_tiles_are(
    tmp_path: Path, bounds: tuple[float, float, float, float], caplog: pytest.LogCaptureFixture
) -> None:
    assert lies_here(open_source(str(write_pmtiles(tmp_path / "a.pmtiles", bounds, (0, 5, 16, 17)))))
    assert "its tiles lie at" in caplog.text


def test_pmtiles_with_a_true_header_end_where_it_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bounds = (LON - 0.003, LAT - 0.003, LON + 0.003, LAT + 0.003)
    with open_source(str(write_pmtiles(tmp_path / "a.pmtiles", bounds))) as source:
        assert source.coverage().bounds == pytest.approx(bounds) and not caplog.text
        assert source.read(Footprint(LAT, LON, 100.0), 16).valid.all()  # zooms come from the tiles, too


def test_pmtiles_across_180_are_as_wide_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (tmp_path / "a.pmtiles").open("wb") as file:
        writer = Writer(file)
        data = io.BytesIO()
        Image.new("RGB", (8, 8), (90, 90, 90)).save(data, "PNG")
        for place in sorted(zxy_to_tileid(8, x, 140) for x in (0, 255)):
            writer.write_tile(place, data.getvalue())
        e7 = {"min_lon_e7": 1795000000, "max_lon_e7": -1795000000, "min_lat_e7": -180000000, "max_lat_e7": -160000000}
        basics = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE, "min_zoom": 8, "max_zoom": 8}
        writer.finalize(basics | e7 | {"center_zoom": 8, "center_lon_e7": 0, "center_lat_e7": 0}, {})
    with open_source(str(tmp_path / "a.pmtiles")) as source:
        assert source.coverage().area == pytest.approx(1 * 2) and not caplog.text
        assert source.read(Footprint(-16.9, 180, 20e3), 16).valid.all()


@pytest.mark.parametrize("kept_in", ["folder", "mbtiles", "pmtiles", "server"])
def test_tiles_may_be_avif(tmp_path: Path, kept_in: str) -> None:
    z, (x, y), data = 17, tile_of(17, lat=LAT, lon=LON), io.BytesIO()
    Image.new("RGB", (64, 64), (200, 20, 30)).save(data, "AVIF", quality=95)
    uri, path = str(tmp_path / f"a.{kept_in}"), tmp_path / f"a.{kept_in}"
    if kept_in == "folder":
        (path / str(z) / str(x)).mkdir(parents=True)
        (path / str(z) / str(x) / f"{y}.avif").write_bytes(data.getvalue())
    elif kept_in == "mbtiles":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE metadata (name text, value text)")
            database.execute("INSERT INTO metadata VALUES ('format', 'avif')")
            database.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
            database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (z, x, 2**z - 1 - y, data.getvalue()))
        database.close()
    elif kept_in == "pmtiles":
        with path.open("wb") as file:
            writer = Writer(file)
            writer.write_tile(zxy_to_tileid(z, x, y), data.getvalue())
            kind = {"tile_type": TileType.AVIF, "tile_compression": Compression.NONE, "min_zoom": z, "max_zoom": z}
            bounds = (
                "min_lon_e7",
                "min_lat_e7",
                "max_lon_e7",
                "max_lat_e7",
                "center_zoom",
                "center_lon_e7",
                "center_lat_e7",
            )
            writer.finalize(kind | dict.fromkeys(bounds, 0), {})
    with ExitStack() as opened:
        if kept_in == "server":
            plain = {"Content-Type": "application/octet-stream"}
            handler = answering(lambda *_: (200, plain, data.getvalue()))
            uri = f"{opened.enter_context(serving(handler))}/{{z}}/{{x}}/{{y}}"
        source = opened.enter_context(open_source(uri, SourceOptions(zoom=z)))
        image = source.read(Footprint(LAT, LON, 20.0), 4).image
    assert np.abs(image[2, 2].astype(int) - (200, 20, 30)).max() < 8


def test_a_run_of_many_tiles_in_pmtiles_is_measured_without_looking_at_each() -> None:
    from ingest.sources.tiles.pmtiles_store import _indexes

    start = zxy_to_tileid(12, 0, 0)
    found = _indexes([(start, 4**12)])
    (z,) = found
    assert len(found[z]) == 4**z and 4**z <= 20_000


def write_mbtiles(
    path: Path, *, south: bool, said: dict[str, str], broken: Mapping[tuple[int, int], object] | None = None
) -> Path:
    """Nine tiles; `broken` is what stands in some of them, counted from the middle one."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        database.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        basics = {"name": "a", "format": "png", "type": "overlay", "minzoom": "17", "maxzoom": "17"}
        database.executemany("INSERT INTO metadata VALUES (?, ?)", (basics | said).items())
        x, y = tile_of(17, lat=LAT, lon=LON)
        for i, j in itertools.product((-1, 0, 1), (-1, 0, 1)):
            data = io.BytesIO()
            tile_picture(17, x + i, y + j, wave_m=WAVE_M, side=64).save(data, "PNG")
            row = 2**17 - 1 - y - j if south else y + j
            content = (broken or {}).get((i, j), data.getvalue())
            database.execute("INSERT INTO tiles VALUES (17, ?, ?, ?)", (x + i, row, content))
    database.close()
    return path


@pytest.mark.parametrize(
    ("south", "said"),
    [
        (True, {}),
        (True, {"scheme": "tms"}),
        (True, {"bounds": ",".join(map(str, BOUNDS))}),
        (True, {"scheme": "xyz", "bounds": ",".join(map(str, BOUNDS))}),  # they show that rows are as specified
        (True, {"bounds": "-180,-85,180,85"}),
        (True, {"bounds": "0,0,0,0"}),  # what writers say that do not know them
        (False, {"scheme": "xyz"}),
        (False, {"bounds": ",".join(map(str, BOUNDS))}),
        (False, {"scheme": "xyz", "bounds": "-180,-85,180,85"}),
        (False, {"scheme": "tms", "bounds": ",".join(map(str, BOUNDS))}),
    ],
)
def test_mbtiles_lie_where_they_say_whichever_way_rows_count(tmp_path: Path, south: bool, said: dict[str, str]) -> None:
    assert lies_here(open_source(str(write_mbtiles(tmp_path / "a.mbtiles", south=south, said=said))))


@pytest.mark.parametrize("south", [True, False])
def test_of_very_many_tiles_in_mbtiles_not_every_one_is_listed(tmp_path: Path, south: bool) -> None:
    path, x0, y0, side = tmp_path / "a.mbtiles", 76_001, 53_003, 160
    rows = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {side - 1})"
    row = f"{2**17 - 1 - y0} - b.i" if south else f"{y0} + b.i"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        if not south:
            database.execute("INSERT INTO metadata VALUES ('scheme', 'xyz')")
        database.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        database.execute("INSERT INTO tiles VALUES (0, 0, 0, x'00'), (1, 1, ?, x'00')", (int(south),))
        database.execute(f"INSERT INTO tiles {rows} SELECT 17, {x0} + a.i, {row}, x'00' FROM n a, n b")
    database.close()
    with closing(MbtilesStore(path)) as store:
        assert store.zooms == (0, 1, 17) and sum(map(len, store._tiles_or_larger().values())) <= 20_000
        corners = np.array([(x0, y0), (x0 + side - 1, y0 + side - 1)])
        exact, larger = (shapely.union_all(tile_boxes({z: corners >> 17 - z})).envelope for z in (17, 16))
        assert store.coverage().contains(exact) and larger.buffer(1e-9).contains(store.coverage())


def test_a_broken_tile_in_mbtiles_is_a_failure_not_a_hole(tmp_path: Path) -> None:
    broken = {(0, 0): b"no picture", (1, 0): "a text", (-1, 0): b"\x89PNG\r\n\x1a\n"}
    path = write_mbtiles(tmp_path / "a.mbtiles", south=True, said={}, broken=broken)
    with open_source(str(path)) as source:
        side_m = 305 * 0.985
        for i in (-1, 0, 1):
            with pytest.raises(ItemError) as caught:
                source.read(Footprint(LAT, LON + i * side_m / 109_640, 20.0), 8)
            assert caught.value.reason in {"not_an_image", "empty", "truncated", "corrupt"}
        assert source.read(Footprint(LAT + 0.0027, LON, 20.0), 8).valid.all()
    for said, word in (({"format": "pbf"}, "its tiles are pbf, not pictures"), ({"bounds": "1,2"}, "its bounds are")):
        (tmp_path / "a.mbtiles").unlink()
        with pytest.raises(SourceError, match=word):
            open_source(str(write_mbtiles(tmp_path / "a.mbtiles", south=True, said=said)))


@pytest.mark.parametrize(
    "row", [("a", 1, 1), (None, 1, 1), (17, "x", 1), (17, 1, None), (99, 1, 1), (17, 2**17, 1), (17, -1, 1)]
)
def test_rows_of_mbtiles_that_are_no_tile_are_passed_over(tmp_path: Path, row: tuple[object, ...]) -> None:
    path = write_mbtiles(tmp_path / "a.mbtiles", south=True, said={})
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, x'00')", row)
    database.close()
    assert lies_here(open_source(str(path)))


def test_an_archive_of_tiles_in_a_folder_is_read_if_it_is_alone(tmp_path: Path) -> None:
    write_mbtiles(tmp_path / "a.mbtiles", south=True, said={})
    assert lies_here(open_source(str(tmp_path)))
    write_pmtiles(tmp_path / "b.pmtiles", (19.99, 9.99, 20.01, 10.01))
    with pytest.raises(
        SourceError, match=r"holds 2 archives or folders of map tiles: bring in each by its own path: .*a\.mbtiles"
    ):
        open_source(str(tmp_path))
    pattern_raster(tmp_path / "c.tif", size=20)
    with open_source(str(tmp_path)) as source:
        assert [problem.reason for problem in source.problems] == ["unsupported"] * 2


@pytest.mark.parametrize("scheme", ["xyz", "tms"])
def test_tilejson_beside_its_tiles_is_read_with_its_scheme(tmp_path: Path, scheme: str) -> None:
    pyramid(tmp_path / "t", tms=scheme == "tms")
    document = {"tilejson": "3.0.0", "tiles": ["./t/{z}/{x}/{y}.png"], "scheme": scheme, "bounds": BOUNDS}
    (tmp_path / "town.json").write_text(json.dumps(document))
    assert lies_here(open_source(str(tmp_path / "town.json")))


@pytest.mark.parametrize("folder", ["my town", "50%20"])
def test_tiles_in_tilejson_are_a_url_also_of_a_folder(tmp_path: Path, folder: str) -> None:
    pyramid(tmp_path / folder, tms=False)
    for told in ("my%20town", f"file://{tmp_path}/my%20town") if folder == "my town" else (folder,):
        document = {"tilejson": "3.0.0", "tiles": [f"{told}/{{z}}/{{x}}/{{y}}.png"]}
        (tmp_path / "town.json").write_text(json.dumps(document))
        assert lies_here(open_source(str(tmp_path / "town.json")))


def test_tilejson_of_a_server_says_zooms_area_and_credit(tmp_path: Path) -> None:
    document = {
        "tilejson": "3.0.0", "tiles": ["https://example.org/{z}/{x}/{y}.png"], "bounds": [170, -20, -170, -10],
        "minzoom": 3, "maxzoom": 9, "attribution": "them", "scheme": "tms",
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document))
    with open_source(str(tmp_path / "a.json")) as source:
        assert isinstance(source, PyramidSource) and source.attribution == "them"
        assert source.coverage().area == pytest.approx(200)  # not the way round the Earth
        assert source.gsd_m == pytest.approx(296, abs=2)
    for zoom, word in ((12, "it has no zoom 12, only 3, 4, 5"), (5, "")):
        if word:
            with pytest.raises(SourceError, match=word):
                open_source(str(tmp_path / "a.json"), SourceOptions(zoom=zoom))
    with pytest.raises(SourceError, match="vectors, not pictures"):
        (tmp_path / "a.json").write_text(json.dumps(document | {"vector_layers": []}))
        open_source(str(tmp_path / "a.json"))


def test_an_option_that_a_source_has_no_use_for_is_an_error(tmp_path: Path) -> None:
    raster = str(pattern_raster(tmp_path / "a.tif", size=20))
    tiles = str(pyramid(tmp_path / "t", tms=False))
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "manifest.csv").write_text("path,lat,lon,size_m\n")
    archive = str(write_pmtiles(tmp_path / "a.pmtiles", (19.9, 9.9, 20.1, 10.1)))
    server = "https://example.org/{z}/{x}/{y}.png"
    useless: list[tuple[str, dict[str, object], str]] = [
        (raster, {"tms": True, "zoom": 3}, "--tms and --zoom"), (raster, {"asset": "visual"}, "--asset"),
        (tiles, {"bands": (1, 2, 3)}, "--bands"), (tiles, {"missing_403": True}, "--missing-403"),
        (archive, {"tms": True}, "--tms"), (server, {"asset": "visual"}, "--asset"),
        (str(tmp_path / "chips"), {"zoom": 4}, "--zoom"), ("sandbox:", {"nodata": 0.0}, "--nodata"),
    ]  # fmt: skip
    for uri, options, named in useless:
        with pytest.raises(UsageError, match=f"has no use for {named}: leave it out"):
            open_source(uri, SourceOptions(**options))  # type: ignore[arg-type]
    open_source(server, SourceOptions(missing_403=True, zoom=4, tms=True)).close()


def test_a_name_that_is_not_utf8_costs_that_file_alone(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif", size=20)
    odd = tmp_path / "caf\udce9.tif"
    odd.write_bytes((tmp_path / "a.tif").read_bytes())
    with open_source(str(tmp_path)) as source:
        (problem,) = source.problems
        assert problem.reason == "bad_name" and r"caf\xe9.tif" in problem.message and "rename it" in problem.message
        assert problem.subject.encode() and source.read(Footprint(LAT, LON, 5.0), 4).valid.all()
    with pytest.raises(SourceError, match=r"caf\\xe9.tif: its name is not UTF-8: rename it"):
        open_source(str(odd))


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    pattern_raster(tmp_path / "a.tif", size=20)
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with open_source(str(tmp_path)) as source:
        (problem,) = source.problems
        assert problem.reason == "unreadable" and problem.subject.endswith("closed")


def test_a_pyramid_up_to_one_tile_of_the_earth_is_over_its_town_only(tmp_path: Path) -> None:
    for z in (0, 4, 9, 14, 15, 17):
        x, y = tile_of(z, lat=LAT, lon=LON)
        (tmp_path / f"{z}/{x}").mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(tmp_path / f"{z}/{x}/{y}.png")
    x, y = tile_of(15, lat=LAT, lon=LON + 1)  # has no finer one below
    (tmp_path / f"15/{x}").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / f"15/{x}/{y}.png")
    with open_source(str(tmp_path)) as source:
        assert source.coverage().area == pytest.approx(2 * (360 / 2**15) ** 2, rel=0.05)


@pytest.mark.parametrize(
    "uri", ["https://example.org/{z}/{x}/{y}.png", "https://example.org/{q}.png", "a.json", "b.json"]
)
def test_a_server_that_does_not_say_where_it_has_tiles_needs_an_area(tmp_path: Path, uri: str) -> None:
    told = {"tilejson": "3.0.0", "tiles": ["https://example.org/{z}/{x}/{y}.png"]}
    (tmp_path / "a.json").write_text(json.dumps(told))
    (tmp_path / "b.json").write_text(json.dumps(told | {"bounds": [-180, -85.0511, 180, 85.0511]}))
    source = uri if uri.startswith("http") else str(tmp_path / uri)
    with pytest.raises(AreaError, match="give --bbox, --near or --area"):
        Request(kind="tiles", collection="a", source=source, grid=Grid(480, 480)).open(input_px=32)
    area = box(19, 9, 21, 11)
    Request(kind="tiles", collection="a", source=source, grid=Grid(480, 480), area=area).open(input_px=32).close()
