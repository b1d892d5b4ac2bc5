"""VRTs: sources that are missing or broken are told when it is opened, and fail their tiles in any thread."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from make_data import write_raster
from rasterio.vrt import WarpedVRT

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError, SourceError

SIDE = 256  # pixels of half a metre, of each of the two sources
WEST_X, NORTH_Y = 500_000.0, 3_000_000.0


def at(x: float, y: float, size_m: float = 20.0) -> Footprint:
    """A square, its centre in metres from the VRT's north-west corner."""
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(32645, 4326, always_xy=True).transform(WEST_X + x, NORTH_Y - y)
    return Footprint(lat, lon, size_m)


WEST, EAST, SEAM = at(40, 60), at(200, 60), at(128, 60)


def halves(folder: Path, *, east: bool = True) -> None:
    """A western and an eastern picture, without a value of 0."""
    random = np.random.default_rng(0)
    for name, offset in (("west", 0), ("east", SIDE))[: 2 if east else 1]:
        data = random.integers(50, 250, (3, SIDE, SIDE), dtype=np.uint8)
        transform = Affine(0.5, 0, WEST_X + offset / 2, 0, -0.5, NORTH_Y)
        write_raster(
            folder / f"{name}.tif", data, transform, "EPSG:32645", tiled=True, blockxsize=64, blockysize=64,
            compress="deflate",
        )  # fmt: skip


def simple(name: str, band: int, x: int, *, relative: bool = True, width: int = SIDE) -> str:
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="{int(relative)}">{escape(name)}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{SIDE}"/>'
        f'<DstRect xOff="{x}" yOff="0" xSize="{width}" ySize="{SIDE}"/></SimpleSource>'
    )


def write_vrt(
    path: Path, sources: Iterable[tuple[str, int]], *, relative: bool = True, width: int = 2 * SIDE, mask: str = ""
) -> Path:
    each = list(sources)
    piece = width // len(each)
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><ColorInterp>{colour}</ColorInterp>'
        + "".join(simple(name, band, x, relative=relative, width=piece) for name, x in each)
        + "</VRTRasterBand>"
        for band, colour in enumerate(("Red", "Green", "Blue"), 1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{SIDE}"><SRS>EPSG:32645</SRS>'
        f"<GeoTransform>{WEST_X}, 0.5, 0, {NORTH_Y}, 0, -0.5</GeoTransform>{bands}{mask}</VRTDataset>"
    )
    return path


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("no picture\n" * 50)
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


REASONS = {"missing": "missing", "empty": "empty", "text": "not_a_raster"}


def outcome(source: object, footprint: Footprint) -> str:
    try:
        chip = source.read(footprint, 32)  # type: ignore[attr-defined]
    except ItemError as error:
        return error.reason
    return "read" if chip.valid.all() and chip.image.min() > 20 else "black"


@pytest.mark.parametrize("how", REASONS)
@pytest.mark.parametrize("deep", [False, True], ids=["", "in another VRT"])
@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
def test_a_broken_source_is_told_at_once_and_fails_its_tiles_in_every_thread(
    tmp_path: Path, how: str, deep: bool, relative: bool
) -> None:
    below = tmp_path / "below" if deep else tmp_path
    below.mkdir(exist_ok=True)
    halves(below)
    spoil(below / "east.tif", how)
    folder = "" if relative else f"{below}/"
    vrt = write_vrt(below / "a.vrt", [(f"{folder}west.tif", 0), (f"{folder}east.tif", SIDE)], relative=relative)
    if deep:
        vrt = write_vrt(tmp_path / "b.vrt", [("below/a.vrt" if relative else str(vrt), 0)], relative=relative)
    with open_source(str(vrt)) as source:
        (problem,) = source.problems
        assert problem.reason == REASONS[how] and problem.subject.endswith("east.tif") and str(vrt) in problem.message
        with ThreadPoolExecutor(8) as threads:
            found = Counter(threads.map(lambda where: outcome(source, where), [EAST, SEAM, EAST, WEST] * 15))
        assert found == {REASONS[how]: 45, "read": 15}


@pytest.mark.parametrize("how", ["missing", "cut", "text"])
def test_a_source_that_breaks_after_the_vrt_was_opened_fails_its_tiles_in_every_thread(
    tmp_path: Path, how: str
) -> None:
    halves(tmp_path)
    vrt = write_vrt(tmp_path / "a.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    with open_source(str(vrt)) as source:
        assert not source.problems and outcome(source, WEST) == "read"
        spoil(tmp_path / "east.tif", how)
        south = at(200, 110)  # what stands in the half of the file that is gone
        with ThreadPoolExecutor(8) as threads:
            found = Counter(threads.map(lambda where: outcome(source, where), [south, WEST] * 30))
        assert set(found) == {"truncated", "read"} and found["read"] == 30


def test_a_whole_vrt_of_vrts_is_read_in_place_and_has_the_fingerprint_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    halves(tmp_path / "x")
    write_vrt(tmp_path / "x" / "a.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    outer = write_vrt(tmp_path / "b.vrt", [("x/a.vrt", 0)])
    with open_source(str(outer)) as source, open_source(str(tmp_path / "x" / "east.tif")) as east:
        assert source.read(SEAM, 40).valid.all()
        assert np.array_equal(source.read(EAST, 40).image, east.read(EAST, 40).image)
        first = source.fingerprint()
    data = np.full((3, SIDE, SIDE), 99, np.uint8)
    write_raster(tmp_path / "x" / "east.tif", data, Affine(0.5, 0, WEST_X + SIDE / 2, 0, -0.5, NORTH_Y), "EPSG:32645")
    with open_source(str(outer)) as source:
        assert source.fingerprint() != first and (source.read(EAST, 16).image == 99).all()


def test_without_any_source_a_vrt_is_an_error(tmp_path: Path) -> None:
    write_vrt(tmp_path / "a.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    with pytest.raises(SourceError, match=r"a\.vrt: its source .*west\.tif: there is no such file"):
        open_source(str(tmp_path / "a.vrt"))
    for text in ("<VRTDataset", '<?xml version="1.0" encoding="none"?><VRTDataset/>'):
        (tmp_path / "a.vrt").write_text(text)
        with pytest.raises(SourceError, match="not a VRT that can be read"):
            open_source(str(tmp_path / "a.vrt"))
    write_vrt(tmp_path / "a.vrt", [("a.vrt", 0)])
    with pytest.raises(SourceError, match="or in themselves"):
        open_source(str(tmp_path / "a.vrt"))


def test_a_source_on_a_bad_url_is_told_and_fails_its_tiles(tmp_path: Path) -> None:
    halves(tmp_path, east=False)
    vrt = write_vrt(
        tmp_path / "a.vrt", [(f"{tmp_path}/west.tif", 0), ("/vsicurl/http://127.0.0.1:9/e.tif", SIDE)], relative=False
    )
    with open_source(str(vrt), SourceOptions(beyond=("127.0.0.1",))) as source:
        assert [problem.reason for problem in source.problems] == ["http"]
        with ThreadPoolExecutor(4) as threads:
            found = Counter(threads.map(lambda where: outcome(source, where), [EAST, WEST] * 6))
        assert found == {"http": 6, "read": 6}


def mask_of(*sources: str) -> str:
    return f'<MaskBand><VRTRasterBand dataType="Byte">{"".join(sources)}</VRTRasterBand></MaskBand>'


@pytest.mark.parametrize("deep", [False, True], ids=["", "in another VRT"])
def test_a_mask_that_is_missing_under_a_part_never_hides_that_part(tmp_path: Path, deep: bool) -> None:
    halves(tmp_path)
    pair = [("west.tif", 0), ("east.tif", SIDE)]
    mask = mask_of(simple("west.tif", 1, 0), simple("gone.tif", 1, SIDE))
    vrt = write_vrt(tmp_path / "a.vrt", pair, mask=mask)
    if deep:
        vrt = write_vrt(tmp_path / "b.vrt", [("a.vrt", 0)])
    with pytest.raises(SourceError, match=r"gone\.tif: there is no such file; it is the mask of the others: put it"):
        open_source(str(vrt))


def test_a_missing_source_with_a_mask_of_its_own_fails_its_tiles(tmp_path: Path) -> None:
    halves(tmp_path, east=False)
    mask = mask_of(simple("west.tif", 1, 0), simple("gone.tif", 1, SIDE))
    vrt = write_vrt(tmp_path / "a.vrt", [("west.tif", 0), ("gone.tif", SIDE)], mask=mask)
    with open_source(str(vrt)) as source:
        assert [problem.reason for problem in source.problems] == ["missing"]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda where: outcome(source, where), [WEST, EAST] * 6))
        assert found[1::2] == ["missing"] * 6 and "missing" not in found[::2]


def test_a_vrt_that_warps_needs_its_source(tmp_path: Path) -> None:
    halves(tmp_path)
    inner = write_vrt(tmp_path / "a.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    with rasterio.open(inner) as file, WarpedVRT(file, crs="EPSG:4326") as warped:
        rasterio.shutil.copy(warped, tmp_path / "w.vrt", driver="VRT")
    with open_source(str(tmp_path / "w.vrt")) as source:
        assert outcome(source, EAST) == "read" and not source.problems
    spoil(tmp_path / "east.tif", "missing")
    with open_source(str(tmp_path / "w.vrt")) as source:
        assert [problem.reason for problem in source.problems] == ["missing"]
        with ThreadPoolExecutor(8) as threads:
            assert Counter(threads.map(lambda where: outcome(source, where), [EAST] * 20)) == {"missing": 20}
    spoil(inner, "missing")
    with pytest.raises(SourceError, match=r"a\.vrt: there is no such file"):
        open_source(str(tmp_path / "w.vrt"))


def test_a_message_names_the_vrt_by_its_path(tmp_path: Path) -> None:
    halves(tmp_path)
    vrt = write_vrt(tmp_path / "a.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    with pytest.raises(SourceError, match=r"/a\.vrt: bands 9,1,1 asked for"):
        open_source(str(vrt), SourceOptions(bands=(9, 1, 1)))


def test_a_source_of_another_size_than_the_vrt_was_made_for_is_refused(tmp_path: Path) -> None:
    halves(tmp_path)
    said = f'</SourceBand><SourceProperties RasterXSize="{SIDE}" RasterYSize="{SIDE}" DataType="Byte"/>'
    path = write_vrt(tmp_path / "both.vrt", [("west.tif", 0), ("east.tif", SIDE)])
    path.write_text(path.read_text("utf-8").replace("</SourceBand>", said), "utf-8")
    with open_source(str(path)) as source:
        assert source.read(EAST, 40).valid.all()
    east = tmp_path / "east.tif"
    transform = Affine(0.5, 0, WEST_X + SIDE / 2, 0, -0.5, NORTH_Y)
    write_raster(east, np.full((3, SIDE, SIDE // 2), 90, np.uint8), transform, "EPSG:32645")
    with pytest.raises(SourceError, match=r"east.tif has 128 × 256 pixels, and had 256 × 256 when the VRT was made"):
        open_source(str(path))


def gap(tmp_path: Path, *, deep: bool, more: str = "") -> Path:
    """A mosaic of three places, of which the second has no source."""
    halves(tmp_path)
    path = write_vrt(tmp_path / "gap.vrt", [("west.tif", 0), ("east.tif", 2 * SIDE)])
    text = path.read_text("utf-8").replace(f'rasterXSize="{2 * SIDE}"', f'rasterXSize="{3 * SIDE}"')
    path.write_text(text.replace("</ColorInterp>", f"</ColorInterp>{more}"), "utf-8")
    if not deep:
        return path
    return write_vrt(tmp_path / "outer.vrt", [("gap.vrt", 0)], width=3 * SIDE)


@pytest.mark.parametrize("deep", [False, True], ids=["", "in another VRT"])
def test_a_gap_of_a_mosaic_is_no_black_ground(tmp_path: Path, deep: bool) -> None:
    with open_source(str(gap(tmp_path, deep=deep))) as source:
        chip = source.read(EAST, 32)
        assert not chip.valid.any()
        assert source.read(WEST, 32).valid.all()


def test_a_value_for_gaps_that_a_mosaic_names_is_heeded(tmp_path: Path) -> None:
    with open_source(str(gap(tmp_path, deep=False, more="<NoDataValue>0</NoDataValue>"))) as source:
        assert not source.read(EAST, 32).valid.any()
        assert source.read(WEST, 32).valid.all()


@pytest.mark.parametrize("name", ["own-name-here", "{base}", "a&b;%20 <c>", "$1"])
def test_names_of_sources_are_taken_as_they_stand(tmp_path: Path, name: str) -> None:
    halves(tmp_path)
    (tmp_path / "west.tif").rename(tmp_path / f"{name}.tif")
    path = write_vrt(tmp_path / "a.vrt", [(f"{name}.tif", 0), ("east.tif", SIDE)])
    with open_source(str(path)) as source:
        assert [outcome(source, place) for place in (WEST, EAST, SEAM)] == ["read"] * 3 and not source.problems
