"""Damaged files of every format, for whatever reads them: what is whole, how it is broken, and what may come of it.

A file is made whole, some of its bytes are changed, mostly of its header, and it is read as groundcast reads it. What
may come of that: an error of groundcast's own tree that says something, a tile that failed, or pixels that the format's
own library decodes too. The same number gives the same damage.
"""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import shapely
import torch
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from safetensors.torch import save_file

from ingest.archive.parts import Archive
from ingest.geo.area_file import read_area_file
from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.opening import open_source
from ingest.photos.folder import open_photos
from ingest.sources.chips import ChipSource
from ingest.sources.source import Chip
from search_ui.service.brought.uploads import read_area
from tests.make_data import tile_of, transform_around
from trainer.errors import GroundcastError, ItemError
from trainer.shards.tars import Shards, ShardWriter
from trainer.weights.files import read_weights

LAT, LON = 27.63, 85.48
SIDE = 64
PIXELS = np.random.default_rng(0).integers(1, 255, (3, SIDE, SIDE), np.uint8)
MOST_PIXELS = 2**24  # of a raster whose header says so, for reading it a second time


class WronglyDoneError(Exception):
    """Something was taken as whole that is not, or an error says nothing."""


@dataclass(frozen=True)
class Format:
    """A format, and what reads it.

    Attributes:
        make: Writes a whole file into an empty folder, with what belongs beside it; returns the file to be damaged.
        use: Reads it as groundcast does.
    """

    make: Callable[[Path], Path]
    use: Callable[[Path], None]


def damaged(content: bytes, number: int, of: str) -> bytes:
    """The content with one to three changes, mostly near its beginning."""
    chance = random.Random(f"{of} {number}")
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        if not changed:
            break
        reach = len(changed) if chance.random() < 0.3 else min(len(changed), chance.choice((16, 64, 512, 4096)))
        at = chance.randrange(reach)
        length = min(chance.choice((1, 1, 2, 4, 8, 64)), len(changed) - at)
        match chance.randrange(7):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + length] = bytes([chance.choice((0, 255))]) * length
            case 2:
                changed[at : at + length] = chance.randbytes(length)
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[at : at + length]
            case 5:
                del changed[at:]
            case 6:
                changed = _number_changed(changed, chance)
    return bytes(changed)


def _number_changed(content: bytearray, chance: random.Random) -> bytearray:
    """Another number, or none, in place of one that stands there as text."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content[:4096]))
    if not found:
        return content
    one = chance.choice(found)
    odd = (b"", b"-1", b"0", b"1e999", b"NaN", b"null", b'""', b"[]", b"99999999999999999999", b"0.5", b"181")
    return content[: one.start()] + chance.choice(odd) + content[one.end() :]


def attempt(form: Format, file: Path, content: bytes) -> GroundcastError | None:
    """Read content in place of the whole file; the error of groundcast's own, if there is one.

    Raises:
        WronglyDoneError: Something was taken as whole that is not, or the error says nothing.
        Exception: Anything else is a defect.
    """
    file.write_bytes(content)
    try:
        form.use(file)
    except GroundcastError as error:
        said = str(error)
        if not said.strip() or re.search(r"(?<![\w(])\(\)(?!\))", said) or said.rstrip().endswith(":"):
            raise WronglyDoneError(f"an error that says nothing: {said!r}") from error
        return error
    return None


# --- rasters


def _tiff(folder: Path, **profile: object) -> Path:
    path = folder / "damaged.tif"
    where = transform_around("EPSG:32645", lat=LAT, lon=LON, width=SIDE, height=SIDE, pixel=1.0)
    settings = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": SIDE, "height": SIDE, "compress": "deflate"}
    with rasterio.open(path, "w", crs="EPSG:32645", transform=where, **settings | profile) as file:
        file.write(PIXELS)
    return path


def _copied(folder: Path, name: str, driver: str, **options: object) -> Path:
    from rasterio.shutil import copy

    whole = _tiff(folder).rename(folder / "whole.tif")
    copy(whole, folder / name, driver=driver, **options)
    return folder / name


def _vrt(folder: Path) -> Path:
    return _copied(folder, "damaged.vrt", "VRT")


def _mbtiles(folder: Path) -> Path:
    return _copied(folder, "damaged.mbtiles", "MBTiles", TILE_FORMAT="PNG")


def _stac(folder: Path) -> Path:
    _tiff(folder).rename(folder / "whole.tif")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "a",
        "geometry": shapely.geometry.mapping(shapely.box(85.47, 27.62, 85.49, 27.64)),
        "bbox": [85.47, 27.62, 85.49, 27.64],
        "properties": {"datetime": "2022-07-01T10:00:00Z", "proj:epsg": 32645, "eo:cloud_cover": 3.5},
        "links": [],
        "assets": {"visual": {"href": "./whole.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]}},
    }
    (folder / "damaged.json").write_text(json.dumps(item))
    return folder / "damaged.json"


def _pyramid(path: Path, side_px: int = 256, **options: object) -> tuple[int, int, int, bytes]:
    z = 18
    x, y = tile_of(z, lat=LAT, lon=LON)
    out = io.BytesIO()
    whole = np.random.default_rng(1).integers(1, 255, (side_px, side_px, 3), np.uint8)
    Image.fromarray(whole).save(out, path.suffix[1:].upper().replace("JPG", "JPEG"), **options)
    return z, x, y, out.getvalue()


def _pmtiles(folder: Path) -> Path:
    path = folder / "damaged.pmtiles"
    z, x, y, content = _pyramid(Path("a.png"), 32)
    box = [round(value * 1e7) for value in (LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001)]
    with path.open("wb") as file:
        writer = Writer(file)
        writer.write_tile(zxy_to_tileid(z, x, y), content)
        header = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE, "min_zoom": z, "max_zoom": z}
        header |= dict(zip(("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7"), box, strict=True))
        header |= {"center_zoom": z, "center_lon_e7": box[0], "center_lat_e7": box[1]}
        writer.finalize(header, {"attribution": "a"})
    return path


def _use_source(path: Path) -> None:
    with open_source(str(path)) as source:
        assert not isinstance(source, ChipSource)
        coverage = source.coverage()
        if not coverage.is_valid:
            raise WronglyDoneError("coverage that is no valid geometry")
        source.fingerprint()
        if not source.gsd_m > 0:
            raise WronglyDoneError(f"a ground sample distance of {source.gsd_m}")
        here = coverage.representative_point()
        around = [Footprint(LAT, LON, 80.0), *([] if here.is_empty else [Footprint(here.y, here.x, 80.0)])]
        around += [tile.footprint for tile in islice(Grid(2_000.0, 2_000.0).tiles(coverage), 2)]
        failed: ItemError | None = None
        for footprint in around:
            try:
                chip = source.read(footprint, SIDE)
            except ItemError as error:
                failed = error
                continue
            _check(chip)
            if path.suffix == ".vrt" and (chip.image[chip.valid] == 0).all(axis=-1).any():
                raise WronglyDoneError("black where no pixel of the source is")
            if chip.valid.any() and footprint.polygon.covers(coverage):
                _check_decodes(path)
        if failed is not None:
            raise failed


def _check(chip: Chip) -> None:
    px = chip.valid.shape[0]
    if chip.image.shape != (px, px, 3) or chip.image.dtype != np.uint8 or chip.valid.dtype != np.bool_:
        raise WronglyDoneError(f"a chip of {chip.image.dtype} {chip.image.shape}")
    if not chip.gsd_m > 0 or (chip.acquired_at is not None and chip.acquired_at.tzinfo is None):
        raise WronglyDoneError(f"a chip of {chip.gsd_m} m, acquired at {chip.acquired_at!r}")


def _check_decodes(path: Path) -> None:
    """A raster of which most was shown can be read as a whole by GDAL itself."""
    if path.suffix not in (".tif", ".jp2"):
        return
    try:
        with rasterio.open(path) as file:
            if file.width * file.height * file.count > MOST_PIXELS:
                return
            file.read()
    except rasterio.errors.RasterioError as error:
        raise WronglyDoneError(f"pixels shown that GDAL does not decode: {error}") from error


# --- pictures, photos, tables


def _chip(suffix: str, **options: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "manifest.csv").write_text(f"path,lat,lon,size_m\ndamaged.{suffix},{LAT},{LON},100\n")
        path = folder / f"damaged.{suffix}"
        Image.fromarray(PIXELS.transpose(1, 2, 0)).save(path, **options)
        return path

    return make


def _use_chip(path: Path) -> None:
    with open_source(str(path.parent)) as source:
        assert isinstance(source, ChipSource)
        for item in source.items():
            _check(source.read_item(item.id, 32))
            _check_picture(path)


def _check_picture(path: Path) -> None:
    """Pillow decodes it; or it is a JPEG of which nothing that could follow changes a pixel."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        if not _lacks_its_end_alone(path.read_bytes()):
            raise WronglyDoneError(f"a picture that Pillow does not decode: {error}") from error


def _xyz(suffix: str, **options: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        z, x, _, content = _pyramid(Path(f"a.{suffix}"), **options)
        (folder / f"tiles/{z}/{x}").mkdir(parents=True)
        (folder / f"damaged.{suffix}").write_bytes(content)
        return folder / f"damaged.{suffix}"

    return make


def _use_xyz(path: Path) -> None:
    z = 18
    x, y = tile_of(z, lat=LAT, lon=LON)
    target = path.parent / "tiles" / str(z) / str(x) / f"{y}{path.suffix}"
    target.write_bytes(path.read_bytes())
    with open_source(str(path.parent / "tiles")) as source:
        assert not isinstance(source, ChipSource)
        chip = source.read(Footprint(LAT, LON, 20.0), 32)
        _check(chip)
        if chip.valid.any():
            _check_picture(target)


def _photo(folder: Path, **options: object) -> Path:
    path = folder / "damaged.jpg"
    exif = Image.Exif()
    exif[0x0132] = "2021:07:14 18:05:00"
    exif[0x8769] = {0x9003: "2021:07:14 18:05:00", 0x9011: "+02:00"}
    exif[0x8825] = {1: "N", 2: (47.0, 30.0, 0.0), 3: "E", 4: (8.0, 15.0, 0.0), 29: "2021:07:14", 7: (16.0, 5.0, 0.0)}
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(path, exif=exif, **options)
    return path


def _use_photo(path: Path) -> None:
    photos = open_photos(path.parent)
    photos.fingerprint()
    for photo in photos.photos:
        if photo.lat is not None and not (abs(photo.lat) <= 90 and abs(photo.lon or 0.0) <= 180):
            raise WronglyDoneError(f"a photo at {photo.lat}, {photo.lon}")
        photos.read(photo)
        _check_picture(path)


def _lacks_its_end_alone(content: bytes) -> bool:
    """Whether it is a JPEG, and nothing that could follow in it changes its pixels."""
    if not content.startswith(b"\xff\xd8"):
        return False
    if b"\xff\xc2" in content and not re.search(rb"\xff\xda\0\x08\x01..\x01\x3f\x10", content, re.DOTALL):
        return False  # the last scan of a progressive one, which Pillow does not miss
    stuffed = content + (b"\0" if content.endswith(b"\xff") else b"")
    fillings = (byte * 4096 for byte in (b"\xaa", b"\x55", b"\xfe"))
    drawn = {Image.open(io.BytesIO(stuffed + filling + b"\xff\xd9")).tobytes() for filling in fillings}
    return len(drawn) == 1


def _part(folder: Path) -> Path:
    record = {"tile_id": "a", "lat": LAT, "lon": LON, "size_m": 480.0, "gsd_m": 0.5, "valid_fraction": 1.0}
    record |= {"origin": "a.tif", "acquired_at": datetime(2022, 7, 1, tzinfo=UTC)}
    archive = Archive(folder, "tiles")
    archive.write("damaged", [record] * 3, np.ones((3, 8), np.float32), {})
    return Path(str(archive.path("damaged")))


def _use_part(path: Path) -> None:
    vectors = Archive(path.parent, "tiles").read("damaged").vectors()
    if vectors.shape != (3, 8):
        raise WronglyDoneError(f"vectors {vectors.shape}, not 3 × 8")


def _manifest(folder: Path) -> Path:
    _chip("png")(folder).rename(folder / "a.png")
    (folder / "manifest.csv").unlink()
    rows = pa.table({"path": ["a.png"], "lat": [LAT], "lon": [LON], "size_m": [100.0], "id": ["a"]})
    pq.write_table(rows, folder / "damaged.parquet")
    return folder / "damaged.parquet"


def _use_manifest(path: Path) -> None:
    (path.parent / "manifest.parquet").write_bytes(path.read_bytes())
    with open_source(str(path.parent)) as source:
        assert isinstance(source, ChipSource)
        for item in source.items():
            _check(source.read_item(item.id, 32))


def _csv(folder: Path) -> Path:
    _chip("png")(folder).rename(folder / "a.png")
    rows = [f"a.png,{LAT},{LON},100,a{n},2022-07-01T10:00:00Z" for n in range(3)]
    (folder / "manifest.csv").unlink()
    (folder / "damaged.csv").write_text("\n".join(["path,lat,lon,size_m,id,acquired_at", *rows]))
    return folder / "damaged.csv"


def _use_csv(path: Path) -> None:
    (path.parent / "manifest.csv").write_bytes(path.read_bytes())
    with open_source(str(path.parent)) as source:
        assert isinstance(source, ChipSource)
        for item in source.items():
            _check(source.read_item(item.id, 32))
        source.coverage()


def _photo_manifest(folder: Path) -> Path:
    _photo(folder).rename(folder / "a.jpg")
    rows = [f"a.jpg,p{n},{LAT},{LON},2021-07-14 18:05:00" for n in range(3)]
    (folder / "damaged.csv").write_text("\n".join(["path,id,lat,lon,taken_local", *rows]))
    return folder / "damaged.csv"


def _use_photo_manifest(path: Path) -> None:
    photos = open_photos(path)
    photos.fingerprint()
    for photo in photos.photos:
        photos.read(photo)


def _shard(folder: Path) -> Path:
    out = io.BytesIO()
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(out, "JPEG")
    with ShardWriter(folder) as writer:
        for n in range(3):
            about = {"latitude": LAT, "longitude": LON, "date": "2020-07-14 10:00:00.0"}
            writer.write(f"s{n}", out.getvalue(), out.getvalue(), about)
    (tar,) = folder.glob("*.tar")
    return tar.rename(folder / "damaged.tar")


def _use_shard(path: Path) -> None:
    for index in path.parent.glob(".index*"):
        index.unlink()
    shards = Shards(path.parent)
    if len(shards) > 6:  # a member copied may be a sample more
        raise WronglyDoneError(f"{len(shards)} samples of three")
    for n in range(len(shards)):
        try:
            shards.sample(n)
            shards.metadata(n)
        except ItemError:
            continue


# --- areas and weights

AREA = shapely.Polygon([(85.0, 27.0), (85.1, 27.0), (85.1, 27.1), (85.0, 27.1)])
KML = (
    '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
    "<name>a</name><Polygon><outerBoundaryIs><LinearRing><coordinates>85,27 85.1,27 85.1,27.1 85,27.1 85,27"
    "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"
)


def _area(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import geopandas as gpd

        path = folder / f"damaged.{suffix}"
        frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[AREA], crs=4326)
        match suffix:
            case "kml":
                path.write_text(KML)
            case "kmz":
                with zipfile.ZipFile(path, "w") as archive:
                    archive.writestr("doc.kml", KML)
            case "parquet":
                frame.to_parquet(path)
            case _:
                frame.to_file(path)
        return path

    return make


def _use_area(path: Path) -> None:
    _check_area(read_area_file(path))


def _use_upload(path: Path) -> None:
    _check_area(read_area(path.read_bytes(), path.parent / "uploads", lambda _: None))


def _check_area(area: shapely.Geometry) -> None:
    west, south, east, north = area.bounds
    if area.is_empty or not area.is_valid or not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise WronglyDoneError(f"an area that is none: {area.wkt[:200]}")


def _weights(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"damaged.{suffix}"
        tensors = {"visual.proj": torch.ones(4, 4), "logit_scale": torch.tensor(4.6)}
        save_file(tensors, path) if suffix == "safetensors" else torch.save({"state_dict": tensors}, path)
        return path

    return make


def _use_weights(path: Path) -> None:
    if not read_weights(path):
        raise WronglyDoneError("no tensor, and no error")


FORMATS: dict[str, Format] = {
    "geotiff": Format(_tiff, _use_source),
    "geotiff_tiled_jpeg": Format(
        lambda folder: _tiff(folder, tiled=True, blockxsize=32, blockysize=32, compress="jpeg"), _use_source
    ),
    "cog": Format(lambda folder: _copied(folder, "damaged.tif", "COG", BLOCKSIZE=128), _use_source),
    "jpeg2000": Format(lambda folder: _copied(folder, "damaged.jp2", "JP2OpenJPEG", REVERSIBLE="YES"), _use_source),
    "vrt": Format(_vrt, _use_source),
    "mbtiles": Format(_mbtiles, _use_source),
    "pmtiles": Format(_pmtiles, _use_source),
    "stac": Format(_stac, _use_source),
    "png": Format(_chip("png"), _use_chip),
    "jpeg": Format(_chip("jpg"), _use_chip),
    "jpeg_progressive": Format(_chip("jpg", progressive=True), _use_chip),
    "webp": Format(_chip("webp"), _use_chip),
    "xyz_png": Format(_xyz("png"), _use_xyz),
    "xyz_jpeg": Format(_xyz("jpg"), _use_xyz),
    "xyz_jpeg_progressive": Format(_xyz("jpg", progressive=True), _use_xyz),
    "xyz_webp": Format(_xyz("webp"), _use_xyz),
    "photo": Format(_photo, _use_photo),
    "photo_progressive": Format(lambda folder: _photo(folder, progressive=True), _use_photo),
    "photo_manifest": Format(_photo_manifest, _use_photo_manifest),
    "part": Format(_part, _use_part),
    "manifest_parquet": Format(_manifest, _use_manifest),
    "manifest_csv": Format(_csv, _use_csv),
    "shard": Format(_shard, _use_shard),
    "geojson": Format(_area("geojson"), _use_area),
    "kml": Format(_area("kml"), _use_area),
    "kmz": Format(_area("kmz"), _use_area),
    "geopackage": Format(_area("gpkg"), _use_area),
    "shapefile": Format(_area("shp"), _use_area),
    "geoparquet": Format(_area("parquet"), _use_area),
    "uploaded_geojson": Format(_area("geojson"), _use_upload),
    "uploaded_kml": Format(_area("kml"), _use_upload),
    "safetensors": Format(_weights("safetensors"), _use_weights),
    "torch": Format(_weights("pt"), _use_weights),
}
