"""What a person should know about the imagery, or the photos, before an hour of work."""

from ingest.geo.grid import gsd_warning
from ingest.jobs.items import GridIntake, Intake, PhotoIntake
from ingest.photos.folder import PhotoFolder
from trainer.embedder import Embedder

_SHOWN = 20


def cautions(intake: Intake, embedder: Embedder) -> list[str]:
    """Sentences, none where all is as it should be.

    Args:
        intake: The open items.
        embedder: The model that is to embed them.
    """
    if isinstance(intake, PhotoIntake):
        return _of_photos(intake.photos)
    if not isinstance(intake, GridIntake):
        return []
    meta = embedder.meta
    warning = gsd_warning(
        source_gsd_m=intake.source.gsd_m,
        tile_size_m=intake.grid.size_m,
        input_px=embedder.input_px,
        trained_gsd_m=meta.gsd_m,
        trained_tile_size_m=meta.tile_size_m,
    )
    return [] if warning is None else [warning]


def _of_photos(photos: PhotoFolder) -> list[str]:
    """Values that stand in photos and are not used, and copies: the first of them by name."""
    told = [
        note.message if note.subject in note.message else f"{note.subject}: {note.message}"
        for note in (*photos.notes, *photos.copies)
    ]
    more = len(told) - _SHOWN
    return told[:_SHOWN] + ([f"… and {more} more of these"] if more > 0 else [])
