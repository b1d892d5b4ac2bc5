"""The pictures behind collections: a marked place must be at its place in every cut."""

import io
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from local_server import answering, serving
from PIL import Image
from rasterio.warp import transform
from shapely import Point

from ingest.catalog.catalog import Catalog, Collection
from ingest.geo.geometry import box
from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.settings import load_settings
from ingest.sources.source import SourceOptions
from search_ui.maps.mercator import tile_canvas
from search_ui.service.imagery import Imagery
from trainer.errors import ItemError, MissingError, SourceError, UsageError

NORTH, EAST = 3_057_000, 350_000  # of EPSG:32645; pixels of 0.5 m
MARK = (610, 420)  # column and row of the middle of a red square of 20 pixels
GRID = Grid(size_m=60, stride_m=60)


def marked(path):
    image = np.full((3, 800, 1000), 90, np.uint8)
    column, row = MARK
    image[:, row - 10 : row + 10, column - 10 : column + 10] = np.array([250, 20, 20])[:, None, None]
    profile = {"driver": "GTiff", "width": 1000, "height": 800, "count": 3, "dtype": "uint8", "crs": "EPSG:32645"}
    with rasterio.open(path, "w", transform=Affine(0.5, 0, EAST, 0, -0.5, NORTH), photometric="RGB", **profile) as file:
        file.write(image)
    return path


def place(column, row):
    """Longitude and latitude of a pixel."""
    lon, lat = transform("EPSG:32645", "EPSG:4326", [EAST + column / 2], [NORTH - row / 2])
    return lon[0], lat[0]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Imagery of a catalog with the collections `town`, of a raster, and `chips`, of a picture with a manifest."""
    folder = tmp_path_factory.mktemp("imagery")
    raster = marked(folder / "town.tif")
    chips = folder / "chips"
    chips.mkdir()
    red = np.full((100, 100, 3), 90, np.uint8)
    red[40:60, 40:60] = (250, 20, 20)
    Image.fromarray(red).save(chips / "one.png")
    lon, lat = place(*MARK)
    (chips / "manifest.csv").write_text(f"path,lat,lon,size_m,id\none.png,{lat},{lon},50,one\n")
    settings = load_settings(folder / "home")
    catalog = Catalog(settings.catalog_at)
    for number, (name, source) in enumerate((("town", raster), ("chips", chips))):
        spec = {"source": str(source), "grid": None, "options": {}, "largest_tile_m": 60.0}
        catalog.add_collection(Collection(name, "tiles", "m", 16, spec, datetime.now(UTC)))
        asked = Request(kind="tiles", collection=name, source=str(source), grid=GRID)
        job = {"collection": name, "source": str(source), "spec": asked.to_json(), "chunks": [], "failures": []}
        catalog.add_job(f"{number:016d}", **job)
    imagery = Imagery(settings, catalog)
    yield imagery, catalog
    imagery.close()
    catalog.close()


def opened(content):
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGBA")).astype(int)


def is_red(pixel) -> bool:
    return bool(pixel[0] > 180 and pixel[1] < 110)


def tile_of(lon, lat, z):
    x = int((lon + 180) / 360 * 2**z)
    y = int((180 - np.degrees(np.arcsinh(np.tan(np.radians(lat))))) / 360 * 2**z)
    return x, y


@pytest.mark.parametrize("name", ["town", "chips"])
@pytest.mark.parametrize("z", [17, 19])
def test_a_marked_place_is_where_it_should_be_in_a_map_tile(town, name, z) -> None:
    imagery, catalog = town
    lon, lat = place(*MARK)
    x, y = tile_of(lon, lat, z)
    image = opened(imagery.tile(catalog.collection(name), z, x, y))
    column, row = (int(v) for v in tile_canvas(z, x, y).to_pixels(lat=lat, lon=lon))
    assert is_red(image[row, column])
    red = np.argwhere((image[..., 0] > 180) & (image[..., 1] < 110) & (image[..., 3] == 255))
    if 30 < column < 226 and 30 < row < 226:  # the whole square is on this tile
        assert red.mean(axis=0) == pytest.approx([row, column], abs=1.5)


def test_there_is_nothing_where_there_is_no_imagery(town) -> None:
    imagery, catalog = town
    image = opened(imagery.tile(catalog.collection("town"), 12, 0, 0))
    assert not image[..., 3].any()
    lon, lat = place(0, 0)  # a corner: some of it
    x, y = tile_of(lon, lat, 18)
    corner = opened(imagery.tile(catalog.collection("town"), 18, x, y))[..., 3]
    assert corner.any() and not corner.all()


def test_of_a_tile_all_is_shown_that_a_model_saw_though_it_reaches_beyond_what_the_source_covers(tmp_path) -> None:
    asked = Request(kind="tiles", collection="island", source="sandbox:avalune", grid=Grid(480, 480))
    with closing(asked.open(input_px=32)) as intake:
        land = intake.source.coverage()
        lon, lat = max(
            intake.grid.tile(next(iter(intake.ids()))).footprint.polygon.exterior.coords,
            key=lambda at: land.distance(Point(at)),
        )
    assert land.distance(Point(lon, lat)) > 0
    settings = load_settings(tmp_path)
    with closing(Catalog(settings.catalog_at)) as catalog, closing(Imagery(settings, catalog)) as imagery:
        catalog.add_collection(Collection("island", "tiles", "m", 16, {"source": "", "grid": None}, datetime.now(UTC)))
        job = {"collection": "island", "source": asked.source, "spec": asked.to_json(), "chunks": [], "failures": []}
        catalog.add_job("0" * 16, **job)
        x, y = tile_of(lon, lat, 21)  # 14 m wide: all of it lies beyond
        assert opened(imagery.tile(catalog.collection("island"), 21, x, y))[..., 3].all()


def test_imagery_is_there_from_far_away_too(town) -> None:
    imagery, catalog = town
    lon, lat = place(*MARK)
    for z in range(13):
        x, y = tile_of(lon, lat, z)
        image = opened(imagery.tile(catalog.collection("town"), z, x, y))
        assert image.shape == (256, 256, 4)
        column, row = (int(v) for v in tile_canvas(z, x, y).to_pixels(lat=lat, lon=lon))
        shown = np.argwhere(image[..., 3] > 0)
        assert np.abs(shown - [row, column]).max(initial=0) <= 12  # of a town that is at most 12 pixels wide there
    assert len(shown)


def test_a_chip_shows_its_tile_with_north_up(town) -> None:
    imagery, catalog = town
    lon, lat = place(*MARK)
    tile = GRID.tile_at(lat=lat, lon=lon)
    image = opened(imagery.chip(catalog.collection("town"), tile.id, 120))
    assert image.shape[:2] == (120, 120)
    x, y = transform("EPSG:4326", tile.footprint.crs, [lon], [lat])
    assert is_red(image[int(60 - y[0] * 2), int(60 + x[0] * 2)])
    assert is_red(opened(imagery.chip(catalog.collection("chips"), "one", 100))[50, 50])


def test_the_second_time_it_comes_from_the_disk_and_is_the_same(town, monkeypatch) -> None:
    imagery, catalog = town
    lon, lat = place(*MARK)
    asked = (catalog.collection("town"), 16, *tile_of(lon, lat, 16))
    first = imagery.tile(*asked)
    monkeypatch.setattr("search_ui.service.imagery._cut", lambda *_: pytest.fail("it was cut again"))
    assert imagery.tile(*asked) == first


@pytest.mark.parametrize(("tile", "px", "error"), [("g1-s1-r1-c1", 64, MissingError), ("no id", 64, MissingError)])
def test_a_tile_that_is_not_there_is_told(town, tile, px, error) -> None:
    imagery, catalog = town
    for name in ("town", "chips"):
        with pytest.raises(error):
            imagery.chip(catalog.collection(name), tile, px)


def test_sizes_are_bounded(town) -> None:
    imagery, catalog = town
    for px in (0, 15, 1025, 10**9):
        with pytest.raises(UsageError, match="16 to 1024"):
            imagery.chip(catalog.collection("town"), "x", px)


def test_imagery_that_is_gone_and_photos_that_are_gone_are_told(tmp_path) -> None:
    settings = load_settings(tmp_path)
    catalog = Catalog(settings.catalog_at)
    gone = str(tmp_path / "gone.tif")
    catalog.add_collection(Collection("town", "tiles", "m", 16, {"source": gone}, datetime.now(UTC)))
    asked = Request(kind="tiles", collection="town", source=gone, grid=GRID).to_json()
    catalog.add_job("0" * 16, collection="town", source=gone, spec=asked, chunks=[], failures=[])
    imagery = Imagery(settings, catalog)
    with pytest.raises(SourceError, match=r"gone\.tif"):
        imagery.tile(catalog.collection("town"), 3, 3, 3)
    with pytest.raises(ItemError, match="not where its gallery says"):
        imagery.photo(tmp_path / "gone.jpg", 64)
    imagery.close()
    catalog.close()


@pytest.fixture
def served(tmp_path):
    """Imagery over a tile server that two jobs asked for 0.01° of, the same offline, and what the server was asked."""
    picture, asked = io.BytesIO(), []
    Image.new("RGB", (256, 256), "green").save(picture, "PNG")

    def answer(path, _):
        asked.append(path)
        return 200, {"Content-Type": "image/png"}, picture.getvalue()

    settings = load_settings(tmp_path)
    catalog = Catalog(settings.catalog_at)
    with serving(answering(answer)) as url:
        source = url + "/{z}/{x}/{y}.png"
        catalog.add_collection(Collection("web", "tiles", "m", 16, {"source": source}, datetime.now(UTC)))
        for number, west in enumerate((85.5, 85.55)):
            area = box(west, 27.5, west + 0.01, 27.52)
            asked_for = {"kind": "tiles", "collection": "web", "source": source, "grid": GRID, "area": area}
            request = Request(**asked_for, options=SourceOptions(rate_per_s=1e3)).to_json()
            catalog.add_job(f"{number:016d}", collection="web", source=source, spec=request, chunks=[], failures=[])
        imagery, offline = Imagery(settings, catalog), Imagery(settings, catalog, offline=True)
        yield imagery, offline, catalog.collection("web"), asked
        imagery.close()
        offline.close()
    catalog.close()


def test_of_a_tile_server_nothing_is_fetched_where_no_job_asked_for_it(served) -> None:
    imagery, _, collection, asked = served
    for lon, lat, z in ((10.0, 50.0, 15), (85.6, 27.51, 15), (10.0, 50.0, 5)):
        assert not opened(imagery.tile(collection, z, *tile_of(lon, lat, z)))[..., 3].any()
        with pytest.raises(MissingError, match="none was asked for there"):
            imagery.chip(collection, GRID.tile_at(lat=lat, lon=lon).id, 64)
    assert not asked and not len(imagery._cache)
    for lon in (85.505, 85.555):  # each of its own job
        assert opened(imagery.tile(collection, 15, *tile_of(lon, 27.51, 15)))[..., 3].all()
        assert opened(imagery.chip(collection, GRID.tile_at(lat=27.51, lon=lon).id, 64))[..., 3].all()
    assert asked


def test_offline_nothing_new_is_fetched_and_what_it_lacks_is_not_kept_for_those_who_may(served) -> None:
    imagery, offline, collection, asked = served
    known, other = ((collection, 15, *tile_of(lon, 27.51, 15)) for lon in (85.505, 85.555))
    seen = imagery.tile(*known)
    before = len(asked)
    assert offline.tile(*known) == seen
    tile = GRID.tile_at(lat=27.51, lon=85.559).id
    for shown in (offline.tile(*other), offline.chip(collection, tile, 64)):
        assert not opened(shown)[..., 3].all()
    assert len(asked) == before
    assert opened(imagery.tile(*other))[..., 3].all() and opened(imagery.chip(collection, tile, 64))[..., 3].all()
