"""Files that people bring: bounded in size and kind, decoded once, and kept as something harmless.

A picture is decoded, made smaller and written anew as PNG, so that nothing of the file itself is kept: no metadata, no
second meaning. An area is read as JSON or XML here, its shapes alone are handed on as GeoJSON: GDAL, which reads the
rest, tells formats by their content, and some of them name other files and addresses to be read.

A kept file has the hash of its content for a name; no name that a person gives becomes a path. It does not know HTTP.
"""

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import shapely
from PIL import Image
from shapely.geometry.base import BaseGeometry

from ingest.geo.area_file import read_area_file
from ingest.geo.degrees import parts_of
from ingest.geo.kml import read_kml
from ingest.sources.picture import UPRIGHT, open_picture, orientation, to_rgb
from search_ui.files.writing import write_whole
from trainer.errors import AreaError, ItemError, MissingError, UploadError

MAX_PICTURE_BYTES, MAX_AREA_BYTES = 20 * 2**20, 5 * 2**20
MAX_DECODED_BYTES = 128 * 2**20  # 4 a pixel, as Pillow keeps colours; a JPEG is decoded smaller, so of one any will do
_REDUCIBLE = ("L", "RGB", "RGBA", "LA", "CMYK")  # modes whose values can be averaged as they are
MAX_VERTICES = 100_000
KEPT_PX = 1024  # the longer side of a kept picture; no model looks at more
KEPT_BYTES = 512 * 2**20  # of all kept pictures; the oldest go first
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_ID = re.compile(r"[0-9a-f]{32}")
_GEOJSON = {
    "FeatureCollection", "Feature", "Polygon", "MultiPolygon", "GeometryCollection", "LineString", "MultiLineString",
}  # fmt: skip


class Uploads:
    """Kept pictures of one home. May be used from several threads.

    Args:
        folder: Where they are kept; made when the first comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._decoding = threading.Lock()  # one at a time: together they would fill the memory

    def keep(self, content: bytes) -> str:
        """Keep a picture; returns its id, which is the same for the same pixels.

        Raises:
            UploadError: It is too large, or no PNG, JPEG, WebP or TIFF.
            ItemError: It is broken.
        """
        with self._decoding:
            png = _clean(content)
        name = hashlib.sha256(png).hexdigest()[:32]
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{name}.png"
            # the same picture again: its time of change says when it was last wanted, by which `_sweep` goes
            if path.exists():
                path.touch()
            else:
                write_whole(path, png)
                self._sweep()
        return name

    def path(self, name: str) -> Path:
        """The file of a kept picture.

        Raises:
            MissingError: There is none of that id.
        """
        path = self._folder / f"{name}.png"
        if not _ID.fullmatch(name) or not path.is_file():
            raise MissingError(f"no picture {name[:40]!r} here any more: upload it again")
        return path

    def _sweep(self) -> None:
        files = sorted(self._folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
        too_many = sum(path.stat().st_size for path in files) - KEPT_BYTES
        for path in files:
            if too_many <= 0:
                return
            too_many -= path.stat().st_size
            path.unlink(missing_ok=True)


def read_area(content: bytes, folder: Path, tell: Callable[[str], None]) -> BaseGeometry:
    """The polygons of an uploaded GeoJSON or KML, WGS84 degrees.

    Args:
        content: Bytes of the file, `MAX_AREA_BYTES` at most.
        folder: For a file that lives for a moment.
        tell: Called with a line for what was passed over; see `ingest.geo.area_file.read_area_file`.

    Raises:
        UploadError: It is too large, or neither of the two.
        AreaError: It holds no polygon, or one that cannot be understood.
    """
    if len(content) > MAX_AREA_BYTES:
        raise UploadError(f"the area has {len(content) / 2**20:.1f} MiB, at most {MAX_AREA_BYTES >> 20} are taken")
    shapes = _of_json(content) if content.lstrip()[:1] in (b"{", b"[") else _of_kml(content)
    vertices = sum(int(shapely.get_num_coordinates(shape)) for shape in shapes)
    if vertices > MAX_VERTICES:
        raise UploadError(f"the area has {vertices:,} vertices, at most {MAX_VERTICES:,} are taken: simplify it")
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)} for shape in shapes]
    text = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"area-{hashlib.sha256(text).hexdigest()[:32]}-{threading.get_ident()}.geojson"
    try:
        path.write_bytes(text)
        # a person knows the file by another name, and paths of the server are not shown
        return read_area_file(path, lambda line: tell(line.replace(f"area file '{path}'", "the file")))
    except AreaError as error:
        raise AreaError(str(error).replace(f"'{path}'", "uploaded")) from error
    finally:
        path.unlink(missing_ok=True)


def _clean(content: bytes) -> bytes:
    """The picture as a PNG of our own making."""
    if len(content) > MAX_PICTURE_BYTES:
        raise UploadError(
            f"the picture has {len(content) / 2**20:.1f} MiB, at most {MAX_PICTURE_BYTES >> 20} are taken: "
            "make it smaller"
        )
    try:
        with open_picture(content, "the picture") as image:
            if image.format not in _FORMATS:
                raise UploadError(f"the picture is {image.format}: give PNG, JPEG, WebP or TIFF")
            width, height = image.size
            enough = 2 * KEPT_PX / max(width, height)
            image.draft("RGB", (int(width * enough), int(height * enough)))  # a JPEG is decoded no larger than needed
            decoded = image.width * image.height * (1 if image.mode == "L" else 4)
            if decoded > MAX_DECODED_BYTES:
                raise UploadError(
                    f"the picture has {width}×{height} pixels, {decoded / 2**20:.0f} MiB when it is decoded, and at "
                    f"most {MAX_DECODED_BYTES >> 20} MiB are taken: make it smaller"
                )
            # after the checks: until here only the header was read, however many pixels it promises
            turn = orientation(image)
            image.load()
            if image.mode in _REDUCIBLE and "transparency" not in image.info:
                image.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)  # before it is copied into other modes
            rgb = to_rgb(image)
            rgb.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
    except ItemError as error:  # which is about a file of a collection; this one was brought by the one who asks
        raise UploadError(str(error)) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise UploadError(f"the picture cannot be decoded: {error}") from error
    upright = UPRIGHT.get(turn)
    out = io.BytesIO()
    (rgb if upright is None else rgb.transpose(upright)).save(out, "PNG")
    return out.getvalue()


def _of_json(content: bytes) -> list[BaseGeometry]:
    try:
        document = json.loads(content)
        kind = document.get("type") if isinstance(document, dict) else None
        if kind == "Topology":
            raise UploadError("the file is TopoJSON: convert it to GeoJSON, such as with mapshaper or topo2geo")
        if kind not in _GEOJSON:
            raise UploadError("the file is JSON, but no GeoJSON with polygons: export the area as GeoJSON or KML")
        found = shapely.from_geojson(json.dumps(document), on_invalid="raise")
    except (ValueError, RecursionError, shapely.errors.ShapelyError) as error:
        raise AreaError(f"the area is no readable GeoJSON: {str(error)[:200]}") from error
    return [part for part in parts_of(found) if not part.is_empty]


def _of_kml(content: bytes) -> list[BaseGeometry]:
    if b"<kml" not in content[:4096].lower():
        raise UploadError("the file is neither GeoJSON nor KML: export the area as one of the two")
    return read_kml(content)
