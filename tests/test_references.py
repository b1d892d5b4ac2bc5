"""What a file of a source names is read within the source's folder, and where the settings allow; nowhere else."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import rasterio
from local_server import serving
from make_data import pattern_raster

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.decoding import Decoder
from ingest.sources.rasters.raster import RasterEntry, RasterSource
from ingest.sources.references import Bounds, bounds_of
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError, SourceError

HERE = Footprint(10.0, 20.0, 100.0)


def vrt_of(picture: Path, named: str, *, band: str = "", relative: bool = False) -> str:
    """A VRT of a picture's place and size, over another name."""
    with rasterio.open(picture) as like:
        transform, crs, size = like.transform.to_gdal(), like.crs.to_wkt(), (like.width, like.height)
    source = (
        f'<SourceFilename relativeToVRT="{int(relative)}">{named}</SourceFilename>'
        if band
        else f'<SimpleSource><SourceFilename relativeToVRT="{int(relative)}">{named}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource>"
    )
    return (
        f'<VRTDataset rasterXSize="{size[0]}" rasterYSize="{size[1]}"><SRS>{crs}</SRS>'
        f"<GeoTransform>{', '.join(map(str, transform))}</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1" {band}>{source}</VRTRasterBand></VRTDataset>'
    )


@pytest.fixture
def apart(tmp_path: Path) -> tuple[Path, Path]:
    """The folder that is given, and a picture outside it."""
    given, outside = tmp_path / "given", tmp_path / "outside"
    given.mkdir()
    outside.mkdir()
    pattern_raster(outside / "secret.tif")
    return given, outside / "secret.tif"


class _Asked(BaseHTTPRequestHandler):
    paths: list[str] = []  # noqa: RUF012 - what came, for the test

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the library's name


@pytest.mark.parametrize("name", ["a.vrt", "a.tif"])
@pytest.mark.parametrize(
    "named", ["{secret}", "../outside/secret.tif", "link.tif", "/vsisubfile/0_99,{secret}", "GTIFF_DIR:1:{secret}"]
)
def test_a_vrt_leads_to_no_file_outside_the_source(apart: tuple[Path, Path], name: str, named: str) -> None:
    given, secret = apart
    if named == "link.tif":
        (given / "link.tif").symlink_to(secret)
    (given / name).write_text(vrt_of(secret, named.format(secret=secret), relative="{" not in named))
    with pytest.raises(SourceError, match=r"which is not read: .*(GeoTIFF|allowed_folders)"):
        open_source(str(given / name))


def test_a_vrt_reads_beside_and_above_itself_within_the_folder_that_was_given(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.vrt").write_text(vrt_of(tmp_path / "a.tif", "../a.tif", relative=True))
    entries = [RasterEntry(str(tmp_path / "below" / "b.vrt"), "b.vrt")]
    with RasterSource(str(tmp_path), entries, SourceOptions()) as source:
        assert source.read(HERE, 16).valid.all() and not source.problems
    with pytest.raises(SourceError, match=r"outside .*below: put it there, or name its folder in the setting"):
        open_source(str(tmp_path / "below" / "b.vrt"))
    with open_source(str(tmp_path / "below" / "b.vrt"), SourceOptions(beyond=(str(tmp_path),))) as source:
        assert source.read(HERE, 16).valid.all()


@pytest.mark.parametrize("named", ["/vsicurl/{url}/a.tif", "{url}/a.tif", "&lt;GDAL_WMS&gt;{url}&lt;/GDAL_WMS&gt;"])
@pytest.mark.parametrize("name", ["a.vrt", "a.tif"])
def test_a_vrt_asks_no_host_that_the_settings_do_not_name(tmp_path: Path, named: str, name: str) -> None:
    pattern_raster(tmp_path / "like.tif")
    _Asked.paths.clear()
    with serving(_Asked) as url:
        (tmp_path / name).write_text(vrt_of(tmp_path / "like.tif", named.format(url=url)))
        with pytest.raises(SourceError, match=r"which is not read"):
            open_source(str(tmp_path / name))
    assert not _Asked.paths


def test_the_bytes_of_a_file_are_no_pixels(apart: tuple[Path, Path]) -> None:
    given, secret = apart
    for named in (str(secret), str(given / "beside.bin")):
        (given / "beside.bin").write_bytes(bytes(10**6))
        (given / "a.vrt").write_text(vrt_of(secret, named, band='subClass="VRTRawRasterBand"'))
        with pytest.raises(SourceError, match="bytes of a file as they lie are not read"):
            open_source(str(given / "a.vrt"))


def _overviews(given: Path, secret: Path) -> None:
    (given / "a.tif.ovr").write_text(vrt_of(secret, str(secret)))


def _sidecar(given: Path, secret: Path) -> None:
    (given / "a.tif.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata></PAMDataset>'
    )


def _tag(given: Path, secret: Path) -> None:
    with rasterio.open(given / "a.tif", "r+") as raster:
        raster.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))


@pytest.mark.parametrize("lead", [_overviews, _sidecar, _tag])
@pytest.mark.parametrize("through_vrt", [False, True])
def test_overviews_lead_to_no_file_outside(
    apart: tuple[Path, Path], lead: Callable[[Path, Path], None], through_vrt: bool
) -> None:
    given, secret = apart
    pattern_raster(given / "a.tif")
    lead(given, secret)
    if through_vrt:
        (given / "b.vrt").write_text(vrt_of(secret, "a.tif", relative=True))
    with pytest.raises(SourceError, match=r"which is not read|take it away"):
        open_source(str(given / ("b.vrt" if through_vrt else "a.tif")))
    with pytest.raises(ItemError, match=r"which is not read|take it away"):  # a picture among chips
        Decoder(SourceOptions(), lambda: []).read(given / "a.tif", "a")


def test_overviews_of_its_own_are_read(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    with rasterio.Env(TIFF_USE_OVR="YES"), rasterio.open(tmp_path / "a.tif", "r+") as raster:
        raster.build_overviews([2, 4])
    assert (tmp_path / "a.tif.ovr").is_file()
    with open_source(str(tmp_path / "a.tif")) as source:
        assert source.read(HERE, 16).valid.all()


@pytest.mark.parametrize(
    ("reference", "fits"),
    [
        ("https://a.org/x.tif", True), ("/vsicurl/http://b.org/x.tif", True), ("/data/x.tif", False),
        ("x.tif", False), ("file:///data/x.tif", False), ("/vsizip//data/x.zip/x.tif", False),
        ("/vsizip/vsicurl/https://a.org/x.zip/x.tif", True), ("/vsis3/bucket/x.tif", False),
    ],
)  # fmt: skip
def test_what_comes_from_the_web_names_what_is_on_the_web(reference: str, fits: bool) -> None:
    bounds = bounds_of("https://a.org/item.json", allowed_hosts=None, beyond=("/data",))
    if fits:
        bounds.check(reference, "it")
    else:
        with pytest.raises(ItemError, match="it names"):
            bounds.check(reference, "it")


def test_a_packed_file_lies_where_its_archive_does(tmp_path: Path) -> None:
    bounds = Bounds(tmp_path.resolve())
    bounds.check(f"/vsizip/{tmp_path}/a.zip/b.tif", "it")
    bounds.check(f"/vsizip/{{{tmp_path}/a.zip}}/b.tif", "it")
    for outside in (f"/vsizip/{tmp_path}/../a.zip/b.tif", "/vsizip//etc/a.zip/b.tif", "/vsizip/vsisubfile/0_1,/etc/x"):
        with pytest.raises(ItemError, match=r"which is not read"):
            bounds.check(outside, "it")
