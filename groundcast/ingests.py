"""Bringing imagery and photos in, from a notebook: what may be said of how they are read, progress, what came of it.

It does not know how the work is done.
"""

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from pydantic import ValidationError

from groundcast.moments import Date, date_text
from groundcast.question import check_options, number
from ingest.catalog.catalog import Catalog
from ingest.geo.area import parse_date
from ingest.settings import Settings
from trainer.errors import CatalogError, SourceError, UsageError

if TYPE_CHECKING:
    from ingest.jobs.items import Intake
    from ingest.jobs.request import Request

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], object] | bool | None
"""Called with how many are done and how many there are; True: a bar of tqdm; False or None: nothing is shown."""

_READING = (
    *("bands", "nodata", "scale", "zoom", "tms", "asset", "acquired_at", "date_in_name", "attribution", "rate_per_s"),
    "missing_403",
)


class IngestOptions(TypedDict, total=False):
    """What may be said of an ingest of imagery; None: not said.

    Attributes:
        bbox: Only tiles that touch this box; see `SearchOptions`.
        near: Only tiles that touch this disc.
        area: Only tiles that touch this shape, table or file of shapes.
        place: Only tiles that touch this place.
        min_valid: Smallest share of valid pixels of a tile, 0..1; usually .5.
        precision: Arithmetic of the model: auto, float32, bfloat16, int8, …; usually as the settings say.
        bands: Bands to use as red, green and blue, counted from 1.
        nodata: Value of pixels without imagery, where files do not say.
        scale: Values to show black and white, for imagery of more than 8 bits.
        zoom: Zoom level of a tile pyramid.
        tms: Rows of a tile pyramid count from the south.
        asset: Asset of STAC items, or layer of a scene's folder.
        acquired_at: When the imagery was taken, UTC, whatever the files say.
        date_in_name: How names of files hold the date, such as ``%Y%m%d``.
        attribution: Whom to credit for the imagery.
        rate_per_s: Requests a second to one server, at most; usually 10.
        missing_403: The tile server answers 403 for tiles that it lacks.
    """

    bbox: str | Sequence[float] | None
    near: str | Sequence[float] | None
    area: Any
    place: str | None
    min_valid: float | None
    precision: str | None
    bands: Sequence[int] | None
    nodata: float | None
    scale: tuple[float, float] | None
    zoom: int | None
    tms: bool | None
    asset: str | None
    acquired_at: Date
    date_in_name: str | None
    attribution: str | None
    rate_per_s: float | None
    missing_403: bool | None


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What an ingest did.

    Attributes:
        collection: What it went into, as it is asked for.
        job: Id of the job; `groundcast jobs show` tells more of it.
        new: How many tiles, or photos, came this time.
        done: How many the job has brought in all.
        skipped: How many were left out, by reason.
        failed: How many could not be read, by reason.
        seconds: How long it took; 0 where nothing was left to do.
    """

    collection: str
    job: str
    new: int
    done: int
    skipped: Mapping[str, int]
    failed: Mapping[str, int]
    seconds: float


def request_of(
    source: str | os.PathLike[str],
    collection: str,
    *,
    tile_size_m: float,
    stride_m: float | None,
    area: Any,
    given: dict[str, Any],
) -> "Request":
    """A request for imagery.

    Args:
        source: A path or URL.
        collection: What it goes into.
        tile_size_m: Side of a tile on the ground, metres.
        stride_m: From tile to tile, metres; None: the size.
        area: Shape in WGS84 degrees, or None: all of the imagery.
        given: `IngestOptions`, of which those of the area are read already.

    Raises:
        UsageError: One cannot be understood.
    """
    from ingest.geo.grid import Grid
    from ingest.jobs.request import Request, options_from_json
    from ingest.opening import source_location
    from ingest.sources.source import SourceOptions

    asked = check_options(given, IngestOptions)
    reading = {name: asked[name] for name in _READING if name in asked}
    if "acquired_at" in reading:
        reading["acquired_at"] = parse_date(date_text("acquired_at", reading["acquired_at"]) or "")
    try:
        options: SourceOptions = options_from_json({name: _plain(value) for name, value in reading.items()})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise UsageError(f"{problem['loc'][0]} = {problem['input']!r}: {problem['msg']}") from error
    least = number("min_valid", asked.get("min_valid", 0.5))
    if not 0 <= least <= 1:
        raise UsageError(f"min_valid = {least:g}: give a share from 0 to 1")
    size = number("tile_size_m", tile_size_m)
    return Request(
        kind="tiles",
        collection=collection,
        source=source_location(os.fspath(source)),
        grid=Grid(size_m=size, stride_m=size if stride_m is None else number("stride_m", stride_m)),
        area=area,
        min_valid=least,
        options=options,
    )


def run(
    settings: Settings,
    catalog: Catalog,
    request: "Request",
    *,
    model: str | None,
    precision: str | None,
    progress: Progress,
) -> Ingested:
    """Carry a request out in this process; what was done is kept if it is stopped, and the same call goes on.

    Args:
        settings: Of the home.
        catalog: The open catalog.
        request: What is asked.
        model: Name of a model; None: the collection's, or the only one.
        precision: None: as the settings say.
        progress: See `Progress`.

    Raises:
        UsageError: An unknown precision, or `progress` is none.
        CatalogError: There is no such model, or another process writes the collection.
        ModelMismatchError: The collection is of another model.
        SourceError: Nothing can be read, or nothing of it could be taken.
    """
    from ingest.jobs.cautions import cautions
    from ingest.jobs.run import carry_out, model_for
    from ingest.places.making import make_ahead
    from search_ui.service.background import begin_check

    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise UsageError(f"progress = {progress!r}: give True, False, or what is called with done and total")
    # rasterio hides this one inside reproject() with catch_warnings, which reader threads undo for one another
    warnings.filterwarnings("ignore", message="Dataset has no geotransform")
    embedder = model_for(settings, catalog, request.collection, model, precision=precision)
    make_ahead(settings.places_dir)  # beside the work, so that the first answer need not wait for names of places
    with ExitStack() as shown:

        def start(intake: "Intake", left: int) -> Callable[[int], object]:
            for caution in cautions(intake, embedder):
                logger.warning("%s: %s", request.collection, caution)
            embedder.expect(left)  # before the first batch: `auto` decides by the size of the job
            return _told(progress, left, request.collection, shown)

        outcome = carry_out(settings, catalog, request, embedder, start)
    job, report = outcome.job, outcome.report
    if report is not None and report.done:
        begin_check(settings, catalog, request.collection.partition("@")[0])
    if report is not None and outcome.stopped and not report.done:
        raise CatalogError(f"job {job.id} was {job.state} before its first tile was done: the same call goes on")
    if not catalog.items_done(job.collection, ("archived", "done")):
        reasons = ", ".join(f"{reason} {count}" for reason, count in (job.skipped | job.failed).items())
        raise SourceError(
            f"{job.source}: nothing could be ingested ({reasons}); `groundcast jobs show {job.id}` says which"
        )
    return Ingested(
        collection=request.collection,
        job=job.id,
        new=0 if report is None else report.done,
        done=job.done,
        skipped=job.skipped,
        failed=job.failed,
        seconds=0.0 if report is None else report.wall_s,
    )


def _told(progress: Progress, left: int, name: str, shown: ExitStack) -> Callable[[int], object]:
    """What to call with each further number done."""
    if progress is None or progress is False:
        return lambda _: None
    if progress is True:
        from tqdm import tqdm

        bar = shown.enter_context(tqdm(total=left, desc=name, smoothing=0.05))
        return bar.update
    done = 0

    def further(count: int) -> None:
        nonlocal done
        done += count
        progress(done, left)

    progress(0, left)
    return further


def _plain(value: Any) -> Any:
    """Arrays as lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
