"""A person's own GeoJSON, kept in the home folder under the hash of its content, so that an address can name it.

It does not know what is drawn of it.
"""

import hashlib
import json
import re
import threading
from pathlib import Path

import shapely

from search_ui.files.writing import keep_latest, write_whole
from trainer.errors import MissingError, UploadError

MAX_BYTES = 10 * 2**20
KEPT, KEPT_BYTES = 1_000, 256 * 2**20  # of all together; those that were brought longest ago go first


class Overlays:
    """Keeps them, the latest of them. May be used from several threads.

    Args:
        folder: Where; made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, content: bytes) -> str:
        """Keep GeoJSON; returns its name.

        Raises:
            UploadError: It is too large, or no GeoJSON.
        """
        if len(content) > MAX_BYTES:
            raise UploadError(f"the file has {len(content):,} bytes; at most {MAX_BYTES:,} can be laid over the map")
        try:
            text = content.decode("utf-8-sig")
            told = json.dumps(json.loads(text), allow_nan=False).encode()
            shape = shapely.from_geojson(text)
        except (UnicodeDecodeError, ValueError, RecursionError, shapely.errors.ShapelyError) as error:
            raise UploadError(f"the file is no GeoJSON: {error}") from error
        if shape.is_empty:
            raise UploadError("the file holds no shape: save it as GeoJSON with at least one feature")
        west, south, east, north = shape.bounds
        if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
            raise UploadError(
                f"its coordinates reach from {west:g}, {south:g} to {east:g}, {north:g}: GeoJSON is in degrees of "
                "longitude and latitude; save it in WGS84"
            )
        name = hashlib.sha256(told).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            write_whole(self._folder / f"{name}.json", told)
            keep_latest(self._folder, "*.json", at_most=KEPT, most_bytes=KEPT_BYTES)
        return name

    def read(self, name: str) -> bytes:
        """GeoJSON by its name.

        Raises:
            MissingError: It is not here.
        """
        return self.find(name).read_bytes()

    def find(self, name: str) -> Path:
        """The file of GeoJSON by its name.

        Raises:
            MissingError: It is not here.
        """
        path = self._folder / f"{name}.json"
        # the name comes from an address that anybody may write: only a hash becomes a path
        if not re.fullmatch("[0-9a-f]{32}", name) or not path.is_file():
            raise MissingError("the outlines that this address names are not on this server: upload them again")
        return path
