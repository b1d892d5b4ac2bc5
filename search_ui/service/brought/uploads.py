"""Files that people bring: bounded in size and kind, decoded once, and kept as something harmless.

A picture is kept as `search_ui.service.brought.clean_picture` makes it. An area is read as JSON or XML here, its shapes
alone are handed on as GeoJSON: GDAL, which reads the rest, tells formats by their content, and some of them name other
files and addresses to be read.

A kept file has the hash of its content for a name; no name that a person gives becomes a path. It does not know HTTP.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.area_file import read_area_file
from ingest.geo.degrees import parts_of
from ingest.geo.kml import read_kml
from search_ui.files.writing import keep_latest, write_whole
from search_ui.service.brought.clean_picture import clean_picture
from trainer.errors import AreaError, MissingError, UploadError

MAX_AREA_BYTES = 5 * 2**20
MAX_VERTICES = 100_000
KEPT_PICTURES, KEPT_BYTES = 10_000, 512 * 2**20  # of all together; the oldest go first
_ID = re.compile(r"[0-9a-f]{32}")
_GEOJSON = {
    "FeatureCollection", "Feature", "Polygon", "MultiPolygon", "GeometryCollection", "LineString", "MultiLineString",
}  # fmt: skip


class Uploads:
    """Kept pictures of one home. May be used from several threads.

    Args:
        folder: Where they are kept; made when the first comes.
        clean: `clean_picture`, or the same elsewhere.
    """

    def __init__(self, folder: Path, clean: Callable[[bytes], bytes] = clean_picture) -> None:
        self._folder, self._clean = folder, clean
        self._lock = threading.Lock()

    def keep(self, content: bytes) -> str:
        """Keep a picture; returns its id, which is the same for the same pixels.

        Raises:
            UploadError: It is too large, broken, or no PNG, JPEG, WebP or TIFF.
        """
        png = self._clean(content)
        name = hashlib.sha256(png).hexdigest()[:32]
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{name}.png"
            # the same picture again: its time of change says when it was last wanted, by which the oldest go
            if path.exists():
                path.touch()
            else:
                write_whole(path, png)
                keep_latest(self._folder, "*.png", at_most=KEPT_PICTURES, most_bytes=KEPT_BYTES)
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
