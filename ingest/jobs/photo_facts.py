"""What a job has found out about its photos: how many have a place and a time, and which lack one.

It reads the archive, so it knows what workers did elsewhere too. It does not know why a value is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.compute as pc

from ingest.archive.parts import Archive

_COLUMNS = ["photo_id", "lat", "taken_local", "taken_utc"]


@dataclass(frozen=True)
class PhotoFacts:
    """Of the photos of a job.

    Attributes:
        photos: How many are archived.
        with_place: How many have a latitude and a longitude.
        with_time: How many have a time, by the camera's clock or in UTC.
        lacking: (id, ``no place``, ``no time`` or ``no place, no time``) of each that lacks something.
    """

    photos: int
    with_place: int
    with_time: int
    lacking: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Such as ``8 of 9 photos have a place, 7 a time``."""
        return f"{self.with_place} of {self.photos} photos have a place, {self.with_time} a time"


def photo_facts(archive: Archive, keys: Iterable[str]) -> PhotoFacts:
    """The facts of the photos in some chunks.

    Args:
        archive: Of a gallery.
        keys: Of the chunks; those without a part hold nothing yet.

    Raises:
        ArchiveError: A part cannot be read.
    """
    photos = places = times = 0
    lacking: list[tuple[str, str]] = []
    there = archive.keys()
    for key in keys:
        if key not in there:
            continue
        part = archive.columns(archive.path(key), _COLUMNS)
        has_place = part["lat"].is_valid()
        has_time = pc.or_(part["taken_local"].is_valid(), part["taken_utc"].is_valid())
        for name, place, time in zip(
            *(column.to_pylist() for column in (part["photo_id"], has_place, has_time)), strict=True
        ):
            photos, places, times = photos + 1, places + place, times + time
            if not (place and time):
                lacking.append((name, ", ".join(["no place"] * (not place) + ["no time"] * (not time))))
    return PhotoFacts(photos, places, times, tuple(lacking))
