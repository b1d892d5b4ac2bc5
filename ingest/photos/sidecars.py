"""Files beside a photo that say where and when it was taken: Google Takeout's JSON, and XMP.

Google writes ``a.jpg.json`` or ``a.jpg.supplemental-metadata.json``, cut at 46 characters before ``.json``: so the end
may be ``.supplemental-me``, ``.s``, or be missing with the end of the photo's own name. Of the second photo of a name,
``a(1).jpg``, it is ``a.jpg(1).json`` or ``a.jpg.supplemental-metadata(1).json``; an edited one, ``a-edited.jpg``, has
that of its original. ``photoTakenTime`` is UTC; a place of 0, 0 is none. Other programs write ``a.xmp``, ``a.jpg.xmp``.

It does not know what the photo itself says.
"""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ingest.photos.exif import CameraData, Notes, place_of
from ingest.photos.xmp import read_xmp

_ENDING = ".supplemental-metadata"
_CUT_AT = 46  # characters of the name before .json
_NUMBER = re.compile(r"^(.*)(\(\d+\))$")
_MAX_BYTES = 1 << 20
# Google says it in the language of the account
_EDITED = (
    "edited", "bearbeitet", "modifié", "modificato", "ha editado", "editat", "bewerkt", "edytowane", "編集済み",
)  # fmt: skip


class Sidecars:
    """Finds and reads the sidecars of photos; remembers what lies in their folders."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[str]]] = {}
        self.read: list[Path] = []

    def of(self, photo: Path) -> CameraData:
        """What the sidecars of a photo say; nothing where there is none."""
        found = CameraData()
        names = self._names(photo.parent)
        for name, is_sure in takeout_names(photo.name, names.get(".json", [])):
            told = self._told(photo.parent / name, partial(_read_takeout, photo=None if is_sure else photo.name))
            if told is not None:
                found = told
                break
        mine = {f"{stem}.xmp".lower() for stem in (photo.name, photo.stem)}
        for name in names.get(".xmp", []):
            if unicodedata.normalize("NFC", name).lower() in {unicodedata.normalize("NFC", one) for one in mine}:
                told = self._told(photo.parent / name, read_xmp)
                found = found if told is None else found.filled_from(told, name)
        return found

    def _told(self, path: Path, read: Callable[[bytes], CameraData | None]) -> CameraData | None:
        try:
            if path.stat().st_size > _MAX_BYTES:
                return None
            told = read(path.read_bytes())
        except OSError as error:
            return CameraData(notes=(("sidecar_broken", f"'{path.name}' cannot be read: {error.strerror}"),))
        if told is None:
            return None
        self.read.append(path)
        return replace(told, notes=tuple((reason, f"'{path.name}': {why}") for reason, why in told.notes))

    def _names(self, folder: Path) -> dict[str, list[str]]:
        """Names in a folder that may be of sidecars, by suffix."""
        if folder not in self._folders:
            found = defaultdict(list)
            try:
                for path in sorted(folder.iterdir()):
                    if path.suffix.lower() in (".json", ".xmp") and not path.name.startswith("."):
                        found[path.suffix.lower()].append(path.name)
            except OSError:
                pass  # the photos in it say what is wrong with the folder
            self._folders[folder] = found
        return self._folders[folder]


def takeout_names(photo: str, names: list[str]) -> list[tuple[str, bool]]:
    """Which of the JSON files of a folder may be a photo's, and is it sure? The surest first.

    Where the photo's own name was cut, or its suffix is missing, the title inside has to say the rest.
    """
    photo = unicodedata.normalize("NFC", photo)
    stem, dot, suffix = photo.rpartition(".")
    numbered = _NUMBER.match(stem)
    base, number = (numbered[1], numbered[2]) if numbered else (stem, "")
    original = re.sub(rf"-(?:{'|'.join(_EDITED)})$", "", base)
    whole = {f"{base}{dot}{suffix}": number, photo: "", f"{original}{dot}{suffix}": number}
    ranked = []
    for name in names:
        told = unicodedata.normalize("NFC", name)[: -len(".json")]
        cut = _NUMBER.match(told)
        for file, wanted in whole.items():
            for start, its_number in {(told, ""), (cut[1], cut[2])} if cut else {(told, "")}:
                if its_number == wanted and (rank := _rank(start, file, len(told))) is not None:
                    ranked.append((rank, name))
    best = {name: rank for rank, name in sorted(ranked, reverse=True)}
    return [(name, rank < 2) for name, rank in sorted(best.items(), key=lambda pair: (pair[1], pair[0]))]


def _rank(start: str, file: str, length: int) -> int | None:
    """How sure it is that the beginning of a JSON file's name is that of a photo's; None: it is not."""
    if start in (file, file + _ENDING):
        return 0
    if (file + _ENDING).startswith(start):
        if len(start) > len(file):
            return 1
        # cut within the photo's own name, or an older export's name without the suffix
        return 2 if length >= _CUT_AT - 1 or start == file.rpartition(".")[0] else None
    return None


def _read_takeout(content: bytes, photo: str | None) -> CameraData | None:
    """What Google says of a photo; None where the file is something else, or its title is not that of this photo."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return CameraData(notes=(("sidecar_broken", "it is no JSON: copy it again"),))
    if not isinstance(document, dict) or not {"photoTakenTime", "geoData", "geoDataExif"} & set(document):
        return None
    if photo is not None and not _is_title_of(str(document.get("title", "")), photo):
        return None
    notes: Notes = []
    place = None
    for name in ("geoData", "geoDataExif"):
        lat, lon = (_number(document.get(name), axis) for axis in ("latitude", "longitude"))
        if place is None and lat is not None and lon is not None and (lat, lon) != (0, 0):
            place = place_of(lat, lon, notes)
    lat, lon = place or (None, None)
    return CameraData(lat, lon, taken_utc=_moment(document), notes=tuple(notes))


def _is_title_of(title: str, photo: str) -> bool:
    """Is it the name of this photo, of which the end may have been cut before the suffix?"""
    stem, _, suffix = unicodedata.normalize("NFC", photo).lower().rpartition(".")
    numbered = _NUMBER.match(stem)
    title = unicodedata.normalize("NFC", title).lower()
    return title.startswith(numbered[1] if numbered else stem) and title.endswith(suffix)


def _number(document: Any, name: str) -> float | None:
    value = document.get(name) if isinstance(document, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(document: dict[str, Any]) -> datetime | None:
    taken = document.get("photoTakenTime")
    try:
        seconds = int(taken["timestamp"]) if isinstance(taken, dict) else 0
        # 0 stands for unknown
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) if seconds else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
