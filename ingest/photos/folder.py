"""The photos of a gallery, from a folder or from a manifest, with place, times, owner and licence where they are known.

Folder: every picture below it, hidden ones apart; place and times come from EXIF (`ingest.photos.exif`), else from XMP
(`ingest.photos.xmp`), else from a file beside the photo (`ingest.photos.sidecars`). Manifest, CSV or Parquet: one row a
photo, see `ingest.photos.manifest`; what a row leaves out comes from its file in the same way. The same bytes twice are
one photo.

Nothing goes missing in silence: a file or row that cannot be in the gallery is in `problems` with its reason, a photo
that is in it without a value that its file claims to have is in `notes`. It does not know embeddings or the index.
"""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.photos.exif import read_exif
from ingest.photos.manifest import MANIFEST_SUFFIXES, ManifestRow, read_manifest
from ingest.photos.names import on_disk
from ingest.photos.sidecars import Sidecars
from ingest.photos.xmp import packet_of, read_xmp
from ingest.sources.picture import HEIC_SUFFIXES, RAW_SUFFIXES, open_picture, quiet_pillow, read_picture
from ingest.sources.source import Problem
from trainer.errors import ItemError, SourceError

PICTURE_SUFFIXES = HEIC_SUFFIXES | RAW_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif", ".jp2", ".mpo", ".ppm",
}  # fmt: skip
"""Files of other kinds in a folder are passed over; HEIC and camera raw are reported, since they are photos. A file
without any suffix is looked into."""

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GalleryPhoto:
    """One photo of a gallery; None says that the value is not known.

    Attributes:
        id: The manifest's id, else the path below the folder with forward slashes; stable from run to run.
        path: The file, absolute.
        lat: Degrees WGS84.
        lon: Degrees WGS84.
        taken_local: Naive wall clock of the camera.
        taken_utc: Aware UTC.
        heading_deg: Where the camera looked, degrees clockwise from north.
        url: Where the photo may be seen or was published.
        owner: Whom to credit.
        licence: As the manifest says it.
    """

    id: str
    path: Path
    lat: float | None = None
    lon: float | None = None
    taken_local: datetime | None = None
    taken_utc: datetime | None = None
    heading_deg: float | None = None
    url: str | None = None
    owner: str | None = None
    licence: str | None = None

    @property
    def has_time(self) -> bool:
        """Is it known when it was taken?"""
        return self.taken_local is not None or self.taken_utc is not None


@dataclass(frozen=True)
class PhotoFolder:
    """What `open_photos` found.

    Attributes:
        uri: The folder or manifest.
        photos: In the order of their ids for a folder, of the rows for a manifest; each picture once.
        problems: Files and rows that cannot be in the gallery.
        notes: Values of photos in the gallery that stood there and could not be used.
        manifest: The manifest's path; None for a folder.
        sidecars: Files beside photos that were read.
        copies: Pictures that are in `photos` under another id; the subject is their own.
    """

    uri: str
    photos: list[GalleryPhoto]
    problems: list[Problem]
    notes: list[Problem]
    manifest: Path | None = None
    sidecars: tuple[Path, ...] = ()
    copies: tuple[Problem, ...] = ()

    def fingerprint(self) -> str:
        """Hash names, sizes and modification times; it changes when a photo, a sidecar or the manifest does."""
        digest = hashlib.sha256(self.uri.encode("utf-8", "surrogateescape"))
        listed = sorted((photo.id, photo.path) for photo in self.photos)
        # a row of a manifest is no file, and so "gone"
        failed = sorted((problem.subject, Path(problem.subject)) for problem in self.problems)
        beside = [("", path) for path in sorted({*self.sidecars, *([self.manifest] if self.manifest else [])})]
        for name, path in [*listed, *failed, *beside]:
            digest.update(f"{name}\0{_stamp(path)}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def read(self, photo: GalleryPhoto) -> npt.NDArray[np.uint8]:
        """Decode a photo, upright, uint8 [h, w, 3] RGB. Thread-safe.

        Raises:
            ItemError: missing, unreadable, empty, unsupported, too_large, not_an_image, truncated or corrupt.
        """
        return read_picture(photo.path)


def open_photos(path: Path) -> PhotoFolder:
    """Open a gallery: a folder, read with everything below it, or a CSV or Parquet manifest.

    Raises:
        SourceError: the path is neither, or the manifest as a whole cannot be read.
    """
    path = path.absolute()
    if path.is_dir():
        problems: list[Problem] = []
        rows: Iterator[ManifestRow] = (ManifestRow(name, file) for name, file in _walk(path, problems))
        return _collect(path, rows, problems, [], None)
    if not path.exists():
        raise SourceError(f"'{path}' does not exist: give a folder of photos, or a manifest (.csv, .parquet)")
    if path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise SourceError(f"'{path}' is neither a folder of photos nor a manifest (.csv, .parquet)")
    manifest = read_manifest(path)
    return _collect(path, iter(manifest.rows), list(manifest.problems), list(manifest.notes), path)


def _collect(
    path: Path, rows: Iterator[ManifestRow], problems: list[Problem], notes: list[Problem], manifest: Path | None
) -> PhotoFolder:
    found: list[GalleryPhoto] = []
    sidecars = Sidecars()
    for row in rows:
        try:
            found.append(_photo(row, sidecars, notes))
        except ItemError as error:
            problems.append(Problem(str(row.path), error.reason, str(error)))
    photos, copies = _once(found)
    if not photos and not problems:
        raise SourceError(f"there are no photos in '{path}': known are {' '.join(sorted(PICTURE_SUFFIXES))}")
    places = sum(photo.lat is not None for photo in photos)
    times = sum(photo.has_time for photo in photos)
    log.info("%s: %d photos, %d with a place, %d with a time", path, len(photos), places, times)
    _log_reasons("left out", problems)
    _log_reasons("kept without a value", notes)
    _log_reasons("copies, which are left out", copies)
    return PhotoFolder(str(path), photos, problems, notes, manifest, tuple(sidecars.read), tuple(copies))


def _once(found: list[GalleryPhoto]) -> tuple[list[GalleryPhoto], list[Problem]]:
    """Each picture once, with what any of its copies says of it; and the copies."""
    sizes = Counter(photo.path.stat().st_size for photo in found)
    kept: dict[str, GalleryPhoto] = {}
    of_picture: dict[bytes, list[str]] = {}
    copies: list[Problem] = []
    for photo in found:
        kept[photo.id] = photo
        # few files have one size by chance: only those are read
        if sizes[photo.path.stat().st_size] == 1:
            continue
        alike = of_picture.setdefault(_digest(photo.path), [])
        # a manifest may say that one picture was taken at two places: then it is two photos
        first = next((name for name in alike if _agree(kept[name], photo)), None)
        if first is None:
            alike.append(photo.id)
            continue
        del kept[photo.id]
        kept[first] = _filled(kept[first], photo)
        message = f"'{photo.path}' is the same picture as '{kept[first].path}'"
        copies.append(Problem(photo.id, "copy", message))
    return list(kept.values()), copies


_SAID = ("lat", "lon", "taken_local", "taken_utc", "heading_deg", "url", "owner", "licence")


def _agree(one: GalleryPhoto, other: GalleryPhoto) -> bool:
    return all(
        None in (getattr(one, name), getattr(other, name)) or getattr(one, name) == getattr(other, name)
        for name in _SAID
    )


def _filled(one: GalleryPhoto, other: GalleryPhoto) -> GalleryPhoto:
    return replace(one, **{name: getattr(other, name) for name in _SAID if getattr(one, name) is None})


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _photo(row: ManifestRow, sidecars: Sidecars, notes: list[Problem]) -> GalleryPhoto:
    """Complete a row by its file, and what lies beside it; what the row says goes first."""
    row = replace(row, path=on_disk(row.path))
    with open_picture(row.path) as image, quiet_pillow():
        camera = read_exif(image)
        packet = packet_of(image)
    if packet is not None:
        camera = camera.filled_from(read_xmp(packet), "XMP")
    camera = camera.filled_from(sidecars.of(row.path), "the file beside it")
    notes.extend(Problem(str(row.path), reason, sentence) for reason, sentence in camera.notes)
    photo = GalleryPhoto(
        row.id, row.path, camera.lat, camera.lon, camera.taken_local, camera.taken_utc, camera.heading_deg,
        row.url, row.owner or camera.owner, row.licence,
    )  # fmt: skip
    if row.place is not None:
        photo = replace(photo, lat=row.place[0], lon=row.place[1])
    # the place in EXIF is no better witness than a row that contradicts itself
    elif row.place_is_wrong:
        photo = replace(photo, lat=None, lon=None)
    return replace(photo, taken_local=row.taken_local or photo.taken_local, taken_utc=row.taken_utc or photo.taken_utc)


def _walk(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    """Yield (id, path) of the pictures below a folder, in the order of the ids; links to folders are not followed."""

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), "unreadable", f"'{error.filename}': {error.strerror}"))

    found: list[tuple[str, Path]] = []
    passed: Counter[str] = Counter()
    for folder, folders, files in os.walk(root, onerror=unreadable):
        # in place: os.walk does not enter what is taken out
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if name.startswith(".") or not _may_be_picture(path):
                passed[path.suffix.lower() or name] += 1
            elif not _is_unicode(str(path)):
                shown = ascii(str(path))
                problems.append(Problem(shown, "bad_name", f"the name {shown} is not UTF-8: rename the file"))
            else:
                found.append((path.relative_to(root).as_posix(), path))
    if passed:
        log.info("%s: %d other files passed over: %s", root, passed.total(), _counts(passed))
    yield from sorted(found)  # a folder has an order of its own on each machine


def _may_be_picture(path: Path) -> bool:
    """By its suffix; without any, by its first bytes."""
    if path.suffix:
        return path.suffix.lower() in PICTURE_SUFFIXES
    try:
        with path.open("rb") as file:
            return file.read(16).startswith(_STARTS)
    except OSError:
        return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "gone"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _log_reasons(what: str, problems: list[Problem]) -> None:
    if problems:
        reasons = Counter(problem.reason for problem in problems)
        log.warning("%d %s: %s; first %s", len(problems), what, _counts(reasons), problems[0].message)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common(8))
