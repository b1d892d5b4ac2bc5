"""Map tiles as files in folders: z/x/y.png, or any other order of zoom, column and row that a template names.

It does not decode pictures.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePath

import numpy as np
from shapely.geometry.base import BaseGeometry

from ingest.sources.source import SourceOptions, path_of
from ingest.sources.tiles.description import Described, describe_folder
from ingest.sources.tiles.store import Indexes, telling, tiles_area
from ingest.sources.tiles.template import TileTemplate
from trainer.errors import ItemError, SourceError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".avif")
_ORDINARY = TileTemplate("{z}/{x}/{y}", "z/x/y")


class FolderStore:
    """Tiles below a folder.

    Args:
        root: The folder.
        options: Which way rows count.
        pattern: Template of paths below it; None: z/x/y. Where it ends in .png, a tile may also be a .jpg, as many
            pyramids mix them.
        described: What is said of the tiles; without it, the files beside them are asked.

    Raises:
        SourceError: There is no tile, or what is said of them cannot be meant.
    """

    def __init__(
        self, root: Path, options: SourceOptions, pattern: str | None = None, described: Described | None = None
    ) -> None:
        self.uri, self._root, self.sparse = str(root), root, True
        text = pattern or _ORDINARY.text
        where = str(root / text)
        ending = PurePath(text).suffix if PurePath(text).suffix.lower() in EXTENSIONS else ""
        self._template = TileTemplate(text.removesuffix(ending), where)
        if "{s}" in text:
            raise SourceError(f"{where}: {{s}} stands for servers a, b and c: write the folder's name instead")
        typed = pattern is not None and described is None  # by the user, who can write {-y} for {y}
        described = describe_folder(root) if described is None else described
        described.check_spans(where)
        # by zoom, column and row as they are counted in names: the ending of the file
        self._suffixes = _find(root, self._template, ending)
        if not self._suffixes:
            raise SourceError(f"{root}: no tile found; expected {where} with {', '.join(EXTENSIONS)}")
        area_of = cache(self._area)  # of a million tiles it takes a while
        self._south = self._template.counts_rows and described.rows_from_south(
            where, tms=options.tms, template=typed, area_of=area_of
        )
        self.zooms = tuple(sorted(self._suffixes))
        self.attribution = described.attribution
        self._coverage = described.within(area_of(self._south))

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, or None.

        Raises:
            ItemError: Its file cannot be read.
        """
        path = self._path(z, x, y)
        try:
            return path.read_bytes() if path else None
        except OSError as error:
            raise ItemError(
                "unreadable", f"{path}: {error.strerror}; it was there when its folder was listed"
            ) from error

    def name(self, z: int, x: int, y: int) -> str:
        """Its path."""
        return str(self._path(z, x, y) or self._root / self._template.fill(z, x, self._counted(z, y)))

    def coverage(self) -> BaseGeometry:
        """All its tiles within the bounds that are said, without coarse ones that have far finer ones below."""
        return self._coverage

    def fingerprint(self) -> str:
        """Names, sizes and times of its tiles."""
        digest = hashlib.sha256(str(self._south).encode())
        for z, tiles in sorted(self._suffixes.items()):
            for (x, y), suffix in sorted(tiles.items()):
                path = self._root / (self._template.fill(z, x, y) + suffix)
                stat = path.stat() if path.is_file() else None
                digest.update(repr((z, x, y, suffix, stat and (stat.st_size, stat.st_mtime_ns))).encode())
        return digest.hexdigest()[:16]

    def close(self) -> None:
        """Nothing is open."""

    def _area(self, south: bool) -> BaseGeometry:
        return tiles_area(telling({z: self._indexes(z, south) for z in self._suffixes}))

    def _indexes(self, z: int, south: bool) -> Indexes:
        places = np.array(sorted(self._suffixes[z]), dtype=np.int64)
        if south:
            places[:, 1] = 2**z - 1 - places[:, 1]
        return places

    def _counted(self, z: int, y: int) -> int:
        return 2**z - 1 - y if self._south else y

    def _path(self, z: int, x: int, y: int) -> Path | None:
        row = self._counted(z, y)
        suffix = self._suffixes.get(z, {}).get((x, row))
        return None if suffix is None else self._root / (self._template.fill(z, x, row) + suffix)


def is_tile_folder(root: Path) -> bool:
    """Whether a folder says that it holds tiles, or holds one as z/x/y with the ending of a picture."""
    return says_tiles(root) or any(not _is_date(*place) for place, _ in _tiles(root, _ORDINARY))


def says_tiles(root: Path) -> bool:
    """Whether a folder says itself that it holds tiles."""
    return (root / "tilemapresource.xml").is_file()


def tile_folders(root: Path) -> list[Path]:
    """The folders of tiles below a folder, by name; those in one of them apart."""
    found = []
    for place, below, _ in os.walk(root):
        with suppress(SourceError):  # a folder that cannot be listed
            if is_tile_folder(Path(place)):
                found.append(Path(place))
                below.clear()  # in place: `os.walk` goes no deeper
    return sorted(found)


def _is_date(z: int, x: int, y: int) -> bool:
    """Whether 22/7/15.png is a picture of a July day: as a tile it would lie in the sea beside the North Pole."""
    return z >= 10 and 1 <= x <= 12 and 1 <= y <= 31


def split_template(text: str) -> tuple[Path, str]:
    """The folder that a template on disk begins with, and the rest; a folder may have braces in its name."""
    parts = text.split("/")
    # the file at the end is no folder, nor is what a placeholder stands for
    named = next((i for i, part in enumerate(parts) if "{" in part and not _is_folder(parts[: i + 1])), len(parts))
    folder = "/".join(parts[: min(named, len(parts) - 1)])
    rest = text[len(folder) :].lstrip("/")
    return path_of(folder or ("/" if text.startswith("/") else ".")), rest


def _is_folder(parts: Sequence[str]) -> bool:
    try:
        return path_of("/".join(parts)).is_dir()
    except SourceError:  # a home of nobody, which is told where the template is read
        return False


def _find(root: Path, template: TileTemplate, rather: str) -> dict[int, dict[tuple[int, int], str]]:
    """The endings of tiles, by zoom, column and row; of several, the one to take rather."""
    found: dict[int, dict[tuple[int, int], str]] = {}
    for (z, x, y), suffix in _tiles(root, template):
        level = found.setdefault(z, {})
        if level.get((x, y)) != rather or not rather:
            level[x, y] = suffix
    return found


def _tiles(root: Path, template: TileTemplate) -> Iterator[tuple[tuple[int, int, int], str]]:
    """Zoom, column and row of the tiles that lie where a template says, and the endings that it leaves open."""
    folders = template.text.split("/")[:-1]
    for path in _files(str(root), "", [template.part(folder) for folder in folders]):
        stem, dot, ending = path.rpartition(".")
        place = template.place(stem) if dot + ending.lower() in EXTENSIONS else None
        if place is not None:
            yield place, dot + ending


def _files(root: str, below: str, folders: Sequence[re.Pattern[str]]) -> Iterator[str]:
    """Paths below a folder of the files that lie in folders of such names, one below the other."""
    try:
        with os.scandir(f"{root}/{below}") as listing:  # of a million files, no Path each
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{root}/{below}: its files cannot be listed ({error.strerror})") from error
    for entry in entries:
        if not folders:
            yield below + entry.name
        elif folders[0].fullmatch(entry.name) and entry.is_dir():
            yield from _files(root, f"{below}{entry.name}/", folders[1:])
