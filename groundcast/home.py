"""A home folder, opened: its collections, what is brought into them, its models. `open` opens one.

It does not know how anything is computed: the service does, which the app has too.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from groundcast.areas import asked_area
from groundcast.coverage import listing
from groundcast.ingests import Ingested, IngestOptions, Progress, request_of, run
from groundcast.opened import OpenHome, note
from groundcast.question import check_options, spelled_out
from groundcast.tile_collection import TileCollection
from ingest.catalog.foreign import names_of_models
from ingest.settings import load_settings, resolve_home
from trainer.embedder import Embedder
from trainer.errors import MissingError, UsageError


def open(home: str | os.PathLike[str] | None = None, *, create: bool = False, read_only: bool = False) -> "Home":
    """Open a home folder, the one that `groundcast --home` names.

    Args:
        home: The folder; None: that of ``GROUNDCAST_HOME``, else ``~/.groundcast``.
        create: Make it, where it is not there.
        read_only: Nothing is ingested or labelled.

    Raises:
        MissingError: There is none, and `create` is not said.
        SettingsError: A setting is unknown or invalid.
        CatalogError: Its catalog cannot be read, or is of a newer version.
        UsageError: `home` is a file, or no path.
    """
    if home is not None and not isinstance(home, str | os.PathLike):
        raise UsageError(f"home = {home!r}: give the path of a folder")
    if home is not None and not os.fspath(home):
        raise UsageError("home is empty: give the path of a folder, or None for the usual one")
    folder = resolve_home(None if home is None else Path(home))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the home '{folder}' is a file: give the path of a folder")
    settings = load_settings(folder)
    if not create and settings.database_url is None and not settings.catalog_path.is_file():
        raise MissingError(
            f"no home at '{folder}': give the folder of one, pass create=True to make it, or run `groundcast demo`"
        )
    return Home(OpenHome(settings, read_only=read_only))


class Home:
    """An open home: ``home["town"]`` is a collection, ``list(home)`` their names. May be used from several threads.

    It holds files and connections until it is closed; ``with groundcast.open(…) as home:`` closes it. What other
    processes bring in meanwhile is there with the next question.
    """

    def __init__(self, home: OpenHome) -> None:
        self._home = home

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._home.settings.home

    def __repr__(self) -> str:
        return f"Home('{self.path}'{', closed' if self._home.closed else ''})"

    def __getitem__(self, name: str) -> TileCollection:
        """A collection by its name, or a version of it: ``town@2``.

        Raises:
            MissingError: There is none.
            UsageError: It is no text, or the home is closed.
        """
        if not isinstance(name, str):
            raise UsageError(f"a collection is asked for by its name, not by {name!r}")
        with self._home.asked() as service:
            service.tiles(name)  # for its error alone
        return TileCollection(self._home, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        with self._home.asked() as service:
            try:
                return isinstance(name, str) and bool(service.tiles(name))
            except MissingError:
                return False

    def _names(self) -> list[str]:
        with self._home.asked() as service:
            return [name for name, found in service.aliases.in_service().items() if found.kind == "tiles"]

    def _ipython_key_completions_(self) -> list[str]:
        """What a notebook offers behind ``home["``."""
        return [] if self._home.closed else self._names()

    def models(self) -> list[str]:
        """Names of the models that are here; `groundcast model add` adds one."""
        with self._home.asked() as service:
            return [model.name for model in service.catalog.models()]

    def galleries(self) -> list[str]:
        """Names of the galleries of ground photos."""
        with self._home.asked() as service:
            return list(service.named_galleries())

    def embedder(self, model: str | None = None) -> Embedder:
        """A model of its own, for arrays; no collection is needed.

        Args:
            model: Its name; None: the only one there is.

        Raises:
            CatalogError: There is none of that name, or there are several to choose from.
        """
        with self._home.asked() as service:
            settings, chosen = service.settings, service.catalog.model(model)
            return Embedder.load(
                settings.models_dir / chosen.name, precision=settings.precision, device=settings.device
            )

    @spelled_out(IngestOptions)
    def ingest(
        self,
        source: str | os.PathLike[str],
        collection: str,
        *,
        tile_size_m: float = 480.0,
        stride_m: float | None = None,
        model: str | None = None,
        progress: Progress = True,
        **options: Unpack[IngestOptions],
    ) -> Ingested:
        """Bring imagery into a collection, as `groundcast ingest` does; the same call again goes on where it stopped.

        Args:
            source: A GeoTIFF or a folder of them, an XYZ folder or URL, MBTiles, PMTiles, STAC, a folder of chips.
            collection: To make, or to go on with.
            tile_size_m: Side of a tile on the ground, metres.
            stride_m: From tile to tile, metres; less than the size, tiles overlap. None: the size.
            model: Name of a model; None: the collection's, or the only one there is.
            progress: True: a bar; a function: called with how many tiles are done and how many there are.
            options: An area, bands, dates and so on: see `IngestOptions`.

        Returns:
            What was done, this time and in all.

        Raises:
            UsageError: An argument cannot be understood.
            ReadOnlyError: The home was opened read-only.
            CatalogError: There is no such model, or the collection is of other imagery, or being written elsewhere.
            ModelMismatchError: The collection is of another model.
            SourceError: The imagery cannot be read, or nothing of it could be taken.
        """
        with self._home.asked() as service:
            service.require_writable()
            given = check_options(dict(options), IngestOptions)
            area, told = asked_area(
                *(given.pop(name, None) for name in ("bbox", "near", "area", "place")), placed=service.place
            )  # fmt: skip
            note(collection, told)
            precision = given.pop("precision", None)
            request = request_of(source, collection, tile_size_m=tile_size_m, stride_m=stride_m, area=area, given=given)
            return run(service.settings, service.catalog, request, model=model, precision=precision, progress=progress)

    def ingest_photos(
        self,
        source: str | os.PathLike[str],
        gallery: str,
        *,
        model: str | None = None,
        precision: str | None = None,
        progress: Progress = True,
    ) -> Ingested:
        """Bring ground photos into a gallery, as `groundcast photos` does.

        Args:
            source: A folder of photos, or a CSV or Parquet manifest.
            gallery: To make, or to go on with.
            model: As for `ingest`: of the gallery, or the only one there is.
            precision: Arithmetic of the model; None: as the settings say.
            progress: As for `ingest`.

        Returns:
            As of `ingest`.

        Raises:
            GroundcastError: As for `ingest`.
        """
        from ingest.catalog.names import gallery_name
        from ingest.jobs.request import Request
        from ingest.opening import source_location

        with self._home.asked() as service:
            service.require_writable()
            request = Request(
                kind="gallery", collection=gallery_name(gallery), source=source_location(os.fspath(source))
            )
            return run(service.settings, service.catalog, request, model=model, precision=precision, progress=progress)

    def close(self) -> None:
        """Give files and connections back, once what other threads ask is answered. A second time does nothing."""
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """Its collections as a table."""
        if self._home.closed:
            return listing(repr(self), (), ())
        with self._home.asked() as service:
            tiles = service.catalog.items_of_all(("archived", "done"))
            models = names_of_models(service.catalog)
            rows = [
                (name, tiles.get(found.name, 0), models.get(found.model_id, "not here any more"), found.spec["source"])
                for name, found in service.aliases.in_service().items()
            ]
        return listing(repr(self), ("collection", "tiles", "model", "source"), rows)
