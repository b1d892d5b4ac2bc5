"""A request carried out in this process, or left to workers: collection → plan → run or queue.

Workers do the same elsewhere; both call `ingest.jobs.pipeline`.
"""

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock, Timeout

from ingest.archive.parts import Archive
from ingest.catalog.aliases import MARK, Aliases, name_of
from ingest.catalog.catalog import Catalog, Collection, Job
from ingest.catalog.leases import Leases
from ingest.catalog.names import GALLERY, check_name
from ingest.geo.geometry import distance_m
from ingest.index.upkeep import IndexHolder, adopt, refuse_unwritable
from ingest.jobs.items import ChipIntake, GridIntake, Intake
from ingest.jobs.pipeline import run
from ingest.jobs.plan import keep_records, plan, require_known, retry
from ingest.jobs.request import READING_OPTIONS, Request
from ingest.jobs.work import Encoder, IngestSummary, Pace, Work
from ingest.settings import Settings
from ingest.sources.rasters.raster import RasterSource
from ingest.sources.source import NamesPlaces
from trainer.embedder import Embedder
from trainer.errors import CatalogError, ModelMismatchError, SourceError, UsageError

log = logging.getLogger(__name__)

CPU_BATCH = 16  # images; what a layer makes of more does not stay in a core's cache

MOST_STREAMS = 4  # between two operations each needs Python's lock, as do readers

StartProgress = Callable[[Intake, int], Callable[[int], object]]
"""Called with the open items and how many are left; returns what to call with each further number done."""


@dataclass(frozen=True)
class IngestResult:
    """A job after a run: `report` is None where nothing was left to do."""

    job: Job
    report: IngestSummary | None

    @property
    def stopped(self) -> bool:
        """Whether somebody paused or cancelled it before its end."""
        return self.report is not None and self.report.cancelled


def carry_out(
    settings: Settings,
    catalog: Catalog,
    request: Request,
    embedder: Embedder,
    start_progress: StartProgress,
    *,
    retry_reason: str | None = None,
    retry_job: Job | None = None,
) -> IngestResult:
    """Brings a source into its collection, from where an earlier run stopped.

    Args:
        settings: Where things are and how the machine is used.
        catalog: The open catalog that gets collection, job and chunks.
        request: What is asked.
        embedder: The model; its weights are loaded only if something is to be embedded.
        start_progress: Told what is left once that is known.
        retry_reason: With `retry_job`, only the items that failed for this reason.
        retry_job: Do the failed items of this job again instead of planning.

    Raises:
        CatalogError: The collection is being written by another process, or is of another source or grid.
        ModelMismatchError: The collection is of another model.
        SourceError: Nothing can be read, or no tile touches the imagery.
        VectorIndexError: The server of the index refuses its key, or the collection.
    """
    with _planned(settings, catalog, request, embedder, retry_job, retry_reason) as (intake, collection, archive, job):
        left = sum(len(chunk.item_ids) for chunk in catalog.chunks(job=job.id, states=["pending"]))
        report = None
        # parts that wait for the index are work too
        if left or any(True for _ in catalog.chunks(job=job.id, states=["archived"])):
            holder = IndexHolder(settings, catalog, collection)
            work = Work(
                collection=collection,
                catalog=catalog,
                archive=archive,
                intake=intake,
                encoder=encoder(embedder, collection.kind),
                index=holder,
                leases=Leases(catalog, inline_worker(settings, collection.name), lease_s=settings.lease_s),
                pace=pace(settings, embedder),
                progress=start_progress(intake, left),
            )
            with holder:
                report = run(job, work)
        elif job.state != "done":
            catalog.set_job_state(job.id, "done")
        return IngestResult(catalog.job(job.id), report)


def leave_to_workers(
    settings: Settings,
    catalog: Catalog,
    request: Request,
    embedder: Embedder,
    *,
    priority: int,
    retry_reason: str | None = None,
    retry_job: Job | None = None,
) -> Job:
    """Plans a request exactly as `carry_out` does, and leaves the work to workers; returns the job.

    Args:
        settings: Where archive, index and locks lie.
        catalog: The open catalog that gets collection, job and chunks.
        request: What is asked.
        embedder: The model; only its description is read.
        priority: 0 goes first, 9 last.
        retry_reason: With `retry_job`, only the items that failed for this reason.
        retry_job: Leave the failed items of this job to them.

    Raises:
        CatalogError: The collection is being written by another process, or is of another source or grid.
        ModelMismatchError: The collection is of another model.
        SourceError: Nothing can be read, or no tile touches the imagery.
        VectorIndexError: The server of the index refuses its key, or the collection.
    """
    with _planned(settings, catalog, request, embedder, retry_job, retry_reason) as (_, _, _, job):
        catalog.enqueue(job.id, priority=priority)
        return catalog.job(job.id)


@contextmanager
def _planned(
    settings: Settings,
    catalog: Catalog,
    request: Request,
    embedder: Embedder,
    retry_job: Job | None,
    retry_reason: str | None,
) -> Iterator[tuple[Intake, Collection, Archive, Job]]:
    """The open items, the collection, its archive and the job of a request, while nobody else here plans."""
    request = replace(request, collection=stored_name(catalog, request.collection))
    if request.kind == "tiles" and request.collection.startswith(GALLERY):
        raise UsageError(
            f"{request.collection!r} would be a gallery's name: take one that does not start with {GALLERY!r}"
        )
    # what failed is asked for again, not looked up
    reading = settings.reading(cached=retry_job is None)
    with (
        only_writer(settings, request.collection),
        closing(request.open(input_px=embedder.input_px, reading=reading)) as intake,
    ):
        archive = Archive(settings.archive_dir(request.collection), request.kind)
        require_known(catalog, archive, request.collection)
        collection = _collection(catalog, request, embedder, intake)
        refuse_unwritable(settings, catalog, collection)
        if retry_job is None:
            job = plan(catalog, archive, collection, intake, request.to_json(), settings.chunk_size)
        else:
            adopt(catalog, archive, collection)
            added = retry(catalog, retry_job, reason=retry_reason, chunk_size=settings.chunk_size)
            job = catalog.job(retry_job.id)
            if added:
                job = replace(job, state="running")  # as the new chunks made it: who has stopped it since is heeded
        keep_records(catalog, archive, collection)
        yield intake, collection, archive, job


def model_for(
    settings: Settings, catalog: Catalog, collection: str, model: str | None, *, precision: str | None = None
) -> Embedder:
    """The model that an ingest is for: the one asked for, or the collection's, or the only one.

    Args:
        settings: Where models lie, and the device.
        catalog: The open catalog.
        collection: What the ingest goes into; it need not exist yet.
        model: Name of a model; None: chosen.
        precision: See `Embedder.load`; None: as the settings say.

    Raises:
        CatalogError: There is none, or there are several to choose from.
    """
    existing = Aliases(catalog).find(collection)
    chosen = catalog.model(model_id=existing.model_id) if model is None and existing else catalog.model(model)
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    return Embedder.load(
        settings.models_dir / chosen.name,
        precision=precision or settings.precision,
        device=settings.device,
        measurements=settings.cache_dir / "precision.json",
    )


def encoder(embedder: Embedder, kind: str) -> Encoder:
    """The tower for tiles or for photos, as the pipeline takes it."""
    from trainer.threads import cores, sharing_threads

    prepare, embed = embedder.prepare, embedder.embed_prepared
    if kind == "gallery":
        prepare, embed = embedder.prepare_photo, embedder.embed_prepared_photos
    if embedder.device.type != "cpu":
        return Encoder(prepare, embed)
    # a batch on every core: many cores on one batch wait for the slowest, which reads, or is another program's
    return Encoder(prepare, embed, streams=min(cores(), MOST_STREAMS), threads=sharing_threads)


def pace(settings: Settings, embedder: Embedder) -> Pace:
    """How the machine is used: as the settings say, and without them as suits the device."""
    batch = CPU_BATCH if embedder.device.type == "cpu" else embedder.batch
    return Pace(settings.read_threads, settings.batch_size or batch)


def inline_worker(settings: Settings, collection: str) -> str:
    """The name of whoever ingests into a collection from this home, which is one process at a time."""
    place = hashlib.sha256(f"{settings.home}|{collection}".encode()).hexdigest()[:12]
    return f"inline-{platform.node()[:60]}-{place}"


def stored_name(catalog: Catalog, name: str) -> str:
    """The collection that a name stands for; a version is made by an upgrade only."""
    check_name(name_of(name))
    aliases = Aliases(catalog)
    aliases.refuse_deleted(name)
    stored = aliases.stored(name)
    # fails where there is no such version: an ingest makes none
    if MARK in stored:
        aliases.collection(name)
    return stored


@contextmanager
def only_writer(settings: Settings, collection: str) -> Iterator[None]:
    """Keeps other ingests away from a collection, by its stored name.

    Raises:
        CatalogError: There is one.
    """
    path = settings.lock_path(collection)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        raise CatalogError(
            f"another process is ingesting into {collection!r} ({path} is locked): wait for it to end"
        ) from None


def _collection(catalog: Catalog, request: Request, embedder: Embedder, intake: Intake) -> Collection:
    """The collection of the request, recorded if new, once it is sure that there is something to do."""
    if next(intake.ids(), None) is None:
        raise SourceError(_why_nothing(request, intake))
    existing = catalog.find_collection(request.collection)
    if existing is not None:
        return _kept_up(catalog, existing, _spec(request, intake), embedder)
    refuse_twin(catalog, request.collection)
    collection = Collection(
        name=request.collection,
        kind=request.kind,
        model_id=embedder.model_id,
        dim=embedder.dim,
        spec=_spec(request, intake),
        created_at=datetime.now(UTC),
    )
    catalog.add_collection(collection)
    return collection


def refuse_twin(catalog: Catalog, name: str) -> None:
    """Refuse a new collection whose name is that of another but for case: on some file systems one folder holds both.

    Raises:
        CatalogError: There is one.
    """
    twin = next((c.name for c in catalog.collections() if c.name.casefold() == name.casefold()), None)
    if twin is not None:
        raise CatalogError(f"collection {name!r} differs from {twin!r} by case only: take another name")


def _kept_up(catalog: Catalog, existing: Collection, spec: dict[str, Any], embedder: Embedder) -> Collection:
    """An existing collection, once it is sure that the request fits it; what may grow is brought up to date."""
    _check_same(existing, spec, embedder)
    if existing.spec.get("stretch") != spec.get("stretch") and existing.spec.get("stretch") is not None:
        log.warning(
            "new files move the automatic stretch of %s from %s to %s, so that new tiles are shown differently: "
            "take another collection with --scale to show all alike",
            existing.name,
            existing.spec["stretch"],
            spec.get("stretch"),
        )
    changed = {key: spec[key] for key in ("attribution", "places") if spec.get(key) is not None}
    if "largest_tile_m" in spec:
        # searches widen an area by the collection's largest tile
        changed["largest_tile_m"] = max(spec["largest_tile_m"], existing.spec["largest_tile_m"])
    # read again: what else was kept with it since the plan began, such as fits, stays
    catalog.update_collection(existing.name, catalog.collection(existing.name).spec | changed)
    return catalog.collection(existing.name)


def _in_words(value: Any) -> str:
    """A part of what was asked, as an error says it: a grid by its lengths."""
    if not isinstance(value, dict) or not {"size_m", "stride_m"} <= value.keys():
        return repr(value)
    size, stride = value["size_m"], value["stride_m"]
    return f"of tiles of {size:g} m" + (f", one every {stride:g} m" if stride != size else "")


def _check_same(existing: Collection, spec: dict[str, Any], embedder: Embedder) -> None:
    if existing.model_id != embedder.model_id:
        raise ModelMismatchError(
            f"collection {existing.name!r} was made with model {existing.model_id}, this one is {embedder.model_id}: "
            "pass --model with the first, or take another collection name"
        )
    for key in READING_OPTIONS:
        before, now = existing.spec["options"].get(key), spec["options"].get(key)
        if json.dumps(before) != json.dumps(now):  # NaN is not equal to itself
            raise CatalogError(
                f"collection {existing.name!r} was read with {key} {before!r}, not {now!r}: its tiles would differ; "
                "give the same option, or take another name"
            )
    for key in ("kind", "source", "grid"):
        if existing.spec[key] != spec[key]:
            before, now = _in_words(existing.spec[key]), _in_words(spec[key])
            raise CatalogError(
                f"collection {existing.name!r} has {key} {before}, not {now}: give the same, or take another name"
            )


def _spec(request: Request, intake: Intake) -> dict[str, Any]:
    """What stands in the catalog; the source is named without the secrets that its URL may hold."""
    asked = request.to_json()
    spec = {"kind": request.kind, "source": request.source, "grid": asked["grid"], "options": asked["options"]}
    match intake:
        case GridIntake():
            found = {"largest_tile_m": intake.grid.size_m, "gsd_m": intake.source.gsd_m}
            spec |= {"source": intake.source.uri, "attribution": intake.source.attribution} | found
            if isinstance(intake.source, RasterSource):
                spec["stretch"] = intake.source.stretch
            if isinstance(intake.source, NamesPlaces):
                spec["places"] = [list(place) for place in intake.source.places()]
        case ChipIntake():
            spec |= {"attribution": intake.source.attribution, "largest_tile_m": intake.largest_m(), "gsd_m": None}
            spec["stretch"] = intake.source.stretch
    return spec


def _why_nothing(request: Request, intake: Intake) -> str:
    if not isinstance(intake, GridIntake) or request.area is None:
        return f"{request.source}: nothing to ingest there"
    covered = intake.source.coverage()
    west, south, east, north = covered.bounds
    here, there = request.area.representative_point(), covered.representative_point()
    away_km = distance_m(lat=here.y, lon=here.x, lats=[there.y], lons=[there.x])[0] / 1000
    return (
        f"{request.source}: the area lies outside the imagery ({west:.5f},{south:.5f},{east:.5f},{north:.5f}); "
        f"their middles are {away_km:,.1f} km apart"
    )
