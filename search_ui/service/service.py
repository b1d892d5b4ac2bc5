"""What the app knows: one object a process, from which views and HTTP routes alike get their answers.

It holds the open catalog, one engine with its models, the imagery behind the collections, and what was computed
lately. Every method may be called from several threads; each raises the errors of `trainer/errors.py` and nothing
else. It draws no page and knows no HTTP.
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.catalog.aliases import Aliases, no_collection
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import IMPORTED
from ingest.catalog.names import GALLERY
from ingest.catalog.saved_searches import SavedSearch, SavedSearches
from ingest.geo.footprints import Places
from ingest.geo.geometry import Footprint, distance_m
from ingest.places.areas import Ground, PlaceArea, area_of, places_of, told_apart
from ingest.places.coordinates import parse_coordinates
from ingest.places.making import Making, make_ahead
from ingest.places.names import normal
from ingest.places.place import Offset
from ingest.settings import Settings, load_settings
from search_ui.ground.captions import CaptionQuery, Captions, CaptionView
from search_ui.ground.photo_time import PhotoTimeQuery, PhotoTimes, PhotoTimeView
from search_ui.ground.retrieval import GroundRetriever, row_at
from search_ui.ground.view import GroundQuery, GroundView
from search_ui.labels.tables import read_labels
from search_ui.maps.calendars import TOP, PlaceCalendar, calendar_of
from search_ui.maps.heatmap import (
    Bitmap,
    Drawing,
    HeatValues,
    Layer,
    ProbabilityLayer,
    heat_of,
    probability_heat,
    scale_of,
)
from search_ui.maps.mercator import canvas_over
from search_ui.maps.scales import amount_scale
from search_ui.maps.snapshots import UNITS
from search_ui.search.engine import Engine
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.likeliest import Likeliest
from search_ui.search.listings import one_request
from search_ui.search.query import Part, Query
from search_ui.search.recent import Recent
from search_ui.search.relevance.calibration import Judged, grade
from search_ui.search.relevance.unrated import refuse_minimum
from search_ui.search.scores import Frames, Scores
from search_ui.search.series import Reel, calendar_moments, check_year, this_year
from search_ui.service.answers import Found, Replay, Shown, TileFacts
from search_ui.service.brought.clean_picture import clean_picture
from search_ui.service.brought.confined import Confined
from search_ui.service.brought.overlays import Overlays
from search_ui.service.brought.previews import Previews
from search_ui.service.brought.uploads import Uploads
from search_ui.service.heat_layers import HeatLayers
from search_ui.service.keeping import Keeping
from search_ui.service.labelling import Labelling
from search_ui.service.learning import Learning
from search_ui.service.place_lists import PlaceLists
from search_ui.service.warming import Warming
from trainer.encoding import MonthHour, When
from trainer.errors import MissingError, ReadOnlyError, UploadError, UsageError

if TYPE_CHECKING:
    from ingest.sources.tiles.vector import VectorTiles
    from search_ui.service.imagery import Imagery

__all__ = ["Found", "Replay", "Service", "Shown", "TileFacts", "service", "start", "stop"]

_ANSWERS, _SCORES = 500, 64  # kept
_SECONDS = 0.5  # for so long the catalog is not asked again what a name stands for
_SCORES_BYTES = 128 * 2**20
_BROUGHT_BYTES, _BROUGHT_S = 1024 * 2**20, 30.0  # for a file that somebody brought


class Service:
    """What the app knows.

    Args:
        settings: Where things are.
        read_only: Nothing is ingested, uploaded or saved; for a public demonstration.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self.read_only = read_only
        self.catalog = Catalog(settings.catalog_at)
        self.aliases = Aliases(self.catalog)
        self.saved_searches = SavedSearches(self.catalog)
        self.engine = Engine(settings, self.catalog)
        self.ground = GroundRetriever(self.engine)
        self.captions = Captions(self.engine)
        self.photo_times = PhotoTimes(self.engine)
        self._pictures = _confined("the picture", "make it smaller")
        self._label_files = _confined("the file of labels", "split it")
        self.uploads = Uploads(settings.home / "uploads", lambda content: self._pictures.run(clean_picture, content))
        self.labelling = Labelling(
            self.engine,
            tiles=self.tiles,
            picture=self.uploads.path,
            require_writable=self.require_writable,
            read=lambda content, name: self._label_files.run(read_labels, content, name),
        )
        self.learning = Learning(self.labelling)
        self.keeping = Keeping(settings, self.catalog, require_writable=self.require_writable, let_go=self.engine.close)
        self.previews = Previews(settings)
        self.overlays = Overlays(settings.cache_dir / "overlays")
        self.heat_layers = HeatLayers()
        self.place_lists = PlaceLists(self.engine, self.scores)
        self.warming: Warming | None = None
        self._making: Making | None = None
        self._known: Recent[Collection] = Recent(64, seconds=_SECONDS)
        self._drawing = Drawing()
        self._ranges: Recent[tuple[float, float]] = Recent(_ANSWERS)
        self._facts: Recent[TileFacts] = Recent(_ANSWERS)
        self._found: Recent[Found] = Recent(_ANSWERS)
        self._said: Recent[CaptionView] = Recent(_ANSWERS)
        self._taken: Recent[PhotoTimeView] = Recent(_ANSWERS)
        self._scores: Recent[Scores] = Recent(_SCORES, max_bytes=_SCORES_BYTES)

    @cached_property
    def imagery(self) -> "Imagery":
        """The pictures behind the collections; what reads imagery is loaded when the first is asked for."""
        from search_ui.service.imagery import Imagery

        return Imagery(self.settings, self.catalog, offline=self.read_only)

    @cached_property
    def basemap(self) -> "VectorTiles | None":
        """The map file of the settings; None where there is none.

        Raises:
            SourceError: It cannot be read.
        """
        if self.settings.basemap is None:
            return None
        from ingest.sources.tiles.vector import VectorTiles

        return VectorTiles(self.settings.basemap)

    def warm(self) -> None:
        """Begin to load what the first question needs, in the background: model, field, and the names of places."""
        self._making = make_ahead(self.settings.places_dir)
        name = next(iter(self.searchable()), None)
        if name is None:
            return
        found = self.tiles(name)
        if self.engine.foreign(found) is not None:  # a question in words is none for it
            self.warming = Warming([(f"Opening the tiles of {name} …", lambda: self.engine.field(found))])
            return
        layer = Layer(query=Query(parts=(Part("text", "a place"),)))
        self.warming = Warming(
            [
                (f"Loading the model of {name} …", lambda: self.engine.embedder(found).embed_texts(["a place"])),
                (f"Opening the tiles of {name} …", lambda: self.engine.field(found)),
                (f"Looking at what is usual in {name} …", lambda: self.engine.prepare(found)),
                (f"Drawing a map of {name} …", lambda: self.heat_tile(name, layer, 0, 0, 0)),
            ]
        )

    def names_awaited(self) -> str | None:
        """What is done that names of places can be asked for; None: they can."""
        if self._making is None or not self._making.running or self.engine.gazetteer.ready:
            return None
        return self._making.says

    def close(self) -> None:
        """Gives files and connections back."""
        if self._making is not None:
            self._making.stop()
        if "imagery" in self.__dict__:
            self.imagery.close()
        self._pictures.close()
        self._label_files.close()
        self.engine.close()
        self.catalog.close()

    def request(self) -> AbstractContextManager[None]:
        """A request of this thread: in it each archive is listed once; see `search_ui.search.listings`."""
        return self.engine.request()

    # -- what there is -----------------------------------------------------------------------------------------------

    @one_request
    def collections(self) -> list[Shown]:
        """The collections of tiles, by name."""
        galleries, known = list(self.named_galleries()), self._models_and_tiles()
        return [self._shown(name, found, galleries, *known) for name, found in self._tile_collections().items()]

    def searchable(self) -> dict[str, int]:
        """How many tiles can be searched, by the name of their collection; those without any are left out."""
        tiles = self.catalog.items_of_all(("archived", "done"))
        counted = {name: tiles.get(found.name, 0) for name, found in self._tile_collections().items()}
        return {name: count for name, count in counted.items() if count}

    @one_request
    def shown(self, collection: str) -> Shown:
        """A collection of tiles as the app shows it.

        Raises:
            MissingError: There is none of that name.
        """
        found = self.tiles(collection)
        return self._shown(collection, found, list(self.named_galleries()), *self._models_and_tiles())

    def named_galleries(self) -> dict[str, Collection]:
        """The galleries of ground photos by the names that people ask with."""
        every = self.aliases.in_service().items()
        return {name.removeprefix(GALLERY): found for name, found in every if found.kind == "gallery"}

    def gallery_version(self, gallery: str) -> str:
        """A text that changes when photos come.

        Raises:
            MissingError: There is no gallery of that name.
        """
        return self.engine.version(self.ground.album(gallery))

    def galleries(self) -> list[Collection]:
        """The galleries of ground photos, by name."""
        return list(self.named_galleries().values())

    def tiles(self, collection: str) -> Collection:
        """A collection of tiles.

        Raises:
            MissingError: There is none of that name.
        """
        return self.engine.collection(collection, lambda name: self._known.get(name, lambda: self._find(name)))

    def _find(self, collection: str) -> Collection:
        found = self.aliases.find(collection)
        if found is None or found.kind != "tiles":
            raise MissingError(no_collection(collection, self._tile_collections()))
        return found

    def _tile_collections(self) -> dict[str, Collection]:
        """What stands behind each name now."""
        return {name: found for name, found in self.aliases.in_service().items() if found.kind == "tiles"}

    def version(self, collection: str) -> str:
        """A text that changes when tiles come or the model changes: what was computed before is stale then."""
        return self.engine.version(self.tiles(collection))

    def attribution(self, collection: str) -> str | None:
        """Whom to credit for a collection's imagery; to be shown wherever it is."""
        credit: str | None = self.tiles(collection).spec.get("attribution")
        return credit

    def require_writable(self) -> None:
        """Refuse what would change something here.

        Raises:
            ReadOnlyError: This is a demonstration that may only be looked at.
        """
        if self.read_only:
            raise ReadOnlyError("this groundcast is read-only: run a groundcast of your own to add or save things")

    # -- search ------------------------------------------------------------------------------------------------------

    @one_request
    def search(self, collection: str, query: Query, feedback: Feedback = NOTHING_SAID) -> Found:
        """The tiles most like a question, steered by thumbs; says when nothing there looks like it."""
        key = (collection, self.version(collection), query, feedback)
        return self._found.get(key, lambda: self._search(collection, query, feedback))

    @one_request
    def scores(self, collection: str, query: Query, feedback: Feedback = NOTHING_SAID) -> Scores:
        """Every tile of the question's area and dates with its cosine and relevance at its moment; kept for a while."""
        # of the same tiles at the same moment there is one copy, however many of them are listed
        query = replace(query, k=1, min_relevance=0.0, distinct=True)
        key = (collection, self.version(collection), query, feedback)
        return self._scores.get(
            key, lambda: self.engine.scores(collection, query, feedback), size=lambda made: made.nbytes
        )

    def _search(self, collection: str, query: Query, feedback: Feedback) -> Found:
        answer = self.engine.search(collection, query, feedback)
        if answer.hits or not query.min_relevance or not answer.candidates:
            nothing = answer.not_now is None and (not answer.hits or grade(answer.highest) == "nothing")
            return Found(answer, nothing, answer.hits[0] if nothing and answer.hits else None)
        near = self.engine.search(collection, replace(query, k=1, min_relevance=0.0), feedback)
        return Found(answer, answer.not_now is None, near.hits[0] if near.hits else None)

    @one_request
    def heat(self, collection: str, layer: Layer | ProbabilityLayer, feedback: Feedback = NOTHING_SAID) -> HeatValues:
        """The values of a heat map and what its colours mean."""
        if isinstance(layer, ProbabilityLayer):
            return self._probability_heat(collection, layer)
        if self.engine.foreign(self.tiles(collection)) is not None:
            refuse_minimum(collection, layer.query.min_relevance)
            layer = replace(layer, value="cosine")  # there is no relevance to show, and its legend says what is shown
        scores = self.scores(collection, layer.query, feedback)
        minus = None if layer.minus is None else self.scores(collection, layer.minus, feedback)
        usual = (
            self.usual_range(collection, layer.query, feedback) if minus is None and layer.value == "cosine" else None
        )
        query = layer.query
        of = (collection, self.version(collection), query.area, query.acquired_from, query.acquired_to)
        return heat_of(layer, scores, minus, scale_of(layer, usual, scores, minus), of=of)

    def _probability_heat(self, collection: str, layer: ProbabilityLayer) -> HeatValues:
        made = self.learning.probabilities(layer.labels)
        if made.learnt.of.collection != collection:
            raise UsageError(f"the labels are of collection {made.learnt.of.collection!r}, not of {collection!r}")
        of = (collection, self.version(collection), None, None, None)  # all tiles, as of a question without an area
        note = "; ".join(made.learnt.assessment.notes) or None
        return probability_heat(layer, made.places, made.probability, of=of, note=note)

    def shown_tile(self, name: str, z: int, x: int, y: int, *, px: int) -> bytes:
        """An XYZ tile of a heat map that a page shows, PNG; see `HeatLayers`."""
        return self._drawing.tile(self.heat_layers.values(name), z, x, y, px=px)

    def heatmap(
        self,
        collection: str,
        layer: Layer | ProbabilityLayer,
        feedback: Feedback = NOTHING_SAID,
        *,
        px: int = 1024,
    ) -> Bitmap:
        """All tiles of a layer as one bitmap, with its bounds and its scale."""
        return self._drawing.whole(self.heat(collection, layer, feedback), px)

    def heat_tile(
        self,
        collection: str,
        layer: Layer | ProbabilityLayer,
        z: int,
        x: int,
        y: int,
        *,
        feedback: Feedback = NOTHING_SAID,
    ) -> bytes:
        """An XYZ tile of a layer, PNG."""
        return self._drawing.tile(self.heat(collection, layer, feedback), z, x, y)

    @one_request
    def usual_range(self, collection: str, query: Query, feedback: Feedback = NOTHING_SAID) -> tuple[float, float]:
        """The usual lowest and highest cosine of a question over year and day: one scale for all its moments."""
        timeless = replace(query, when=None, k=1, min_relevance=0.0)
        key = (collection, self.version(collection), timeless, feedback)
        return self._ranges.get(key, lambda: self._range_of(collection, timeless, feedback))

    def _range_of(self, collection: str, query: Query, feedback: Feedback) -> tuple[float, float]:
        found = self.tiles(collection)
        cosines = self.engine.scores(collection, query, feedback).cosine[None]
        if len(cosines[0]) and self.engine.knows_time(found):
            moments = self.engine.frames(collection, query, _all_over(this_year()), feedback=feedback)
            cosines = np.concatenate([cosines, moments.cosine])
        scale = amount_scale(cosines, UNITS["cosine"])
        return scale.low, scale.high

    def frames(self, collection: str, query: Query, whens: Sequence[When]) -> Frames:
        """The cosines of every tile at each of many moments; see `search_ui.search.engine.Engine.frames`."""
        return self.engine.frames(collection, query, whens)

    def reel(self, collection: str, query: Query, whens: Sequence[When], feedback: Feedback = NOTHING_SAID) -> Reel:
        """The same in parts of bounded size, for films, calendars and best moments."""
        return Reel(partial(self.engine.frames, collection, query, feedback=feedback), whens)

    @one_request
    def calendar(
        self,
        collection: str,
        query: Query,
        feedback: Feedback = NOTHING_SAID,
        *,
        year: int | None = None,
        top: int = TOP,
    ) -> PlaceCalendar:
        """A question, steered by thumbs, over the months of a year and the hours of a day; wrong tiles do not count."""
        check_year(year)
        months = self.reel(collection, query, calendar_moments(year or this_year()), feedback)
        wrong = np.isin(months.tiles.tile_id, list(feedback.no_hits))
        return calendar_of(months.changed(lambda cosine: np.where(wrong, np.float32(np.nan), cosine)), top=top)

    def likeliest(self, collection: str, query: Query) -> tuple[float, Likeliest | None]:
        """When a question's area is likeliest to show it; see `search_ui.search.engine.Engine.likeliest`."""
        return self.engine.likeliest(collection, query)

    def judged(self, collection: str, query: Query, tile_id: str) -> Judged:
        """Place and now of one tile; see `search_ui.search.engine.Engine.judged`."""
        return self.engine.judged(collection, query, tile_id)

    # -- saved searches ----------------------------------------------------------------------------------------------

    @one_request
    def save(self, name: str, collection: str, question: dict[str, Any]) -> SavedSearch:
        """Save a question under a name; from now on is what comes later.

        Args:
            name: As a person calls it.
            collection: A collection of tiles.
            question: Says all of it, in JSON types; the HTTP routes read the names of their own parameters.

        Raises:
            ReadOnlyError: Nothing may be saved here.
            MissingError: No such collection.
            UsageError: The name is empty or too long, or there are too many.
        """
        self.require_writable()
        parts = self.engine.archive(self.tiles(collection)).parts()
        return self.saved_searches.save(name, collection, question, [path.stem for path in parts])

    @one_request
    def replay(self, search_id: str, query: Query, feedback: Feedback = NOTHING_SAID) -> Replay:
        """Ask a saved question again; says what came since the last time, and remembers this time.

        Args:
            search_id: Of the saved search.
            query: Its question.
            feedback: Tiles called right or wrong.

        Raises:
            MissingError: No such saved search, or its collection is gone.
        """
        saved = self.saved_searches.get(search_id)
        found = self.search(saved.collection, query, feedback)
        archive = self.engine.archive(self.tiles(saved.collection))
        parts = {path.stem: path for path in archive.parts()}
        new = [path for key, path in parts.items() if key not in saved.parts]
        ids = frozenset(tile_id for path in new for tile_id in archive.column(path, archive.id_column).to_pylist())
        hits = self.engine.search(saved.collection, query, feedback, among=ids).hits if ids else []
        if new and not self.read_only:
            self.saved_searches.asked(search_id, parts)
        return Replay(saved, found, len(ids), list(hits))

    def forget(self, search_id: str) -> None:
        """Delete a saved search.

        Raises:
            ReadOnlyError: Nothing may be deleted here.
            MissingError: There is none of that id.
        """
        self.require_writable()
        self.saved_searches.delete(search_id)

    # -- one place ---------------------------------------------------------------------------------------------------

    def place(self, text: str, collection: str | None = None) -> PlaceArea:
        """A place by name or coordinates; see `ingest.places.areas.area_of`.

        Args:
            text: What a person typed.
            collection: The places that its source names go first, then those near its tiles.
        """
        return area_of(text, self.engine.gazetteer, self._own_places(collection), self._ground(collection))

    def places(self, text: str, collection: str) -> list[str]:
        """Labels of the places of that very name, the likeliest first; each finds its place."""
        found = places_of(text, self.engine.gazetteer, self._own_places(collection), self._ground(collection))
        return told_apart(found)

    @one_request
    def point(self, text: str, collection: str) -> str | None:
        """Id of the tile that coordinates name, or a distance from a place, as hits say theirs; None for other words.

        Raises:
            AreaError: The coordinates cannot be, or no such place is known.
            UsageError: There is no tile; the message says where the nearest is.
        """
        at = parse_coordinates(text)
        offset = None if at else Offset.parse(" ".join(text.split()))
        if offset is not None:
            columns = self.engine.field(self.tiles(collection))
            own, ground = self._own_places(collection), self._ground(collection)
            for town in places_of(offset.name, self.engine.gazetteer, own, ground)[:1]:
                # of tiles in that direction those are meant that bear the name: others are nearer to another town
                for row in offset.matches(columns.lat, columns.lon, lat=town.lat, lon=town.lon).tolist():
                    lat, lon = float(columns.lat[row]), float(columns.lon[row])
                    near = self.engine.nearest_place(self.tiles(collection), lat=lat, lon=lon)
                    if normal(str(near)) == normal(text):
                        return columns.ids(np.array([row]))[0]
            middle = self.place(text, collection).area.representative_point()
            at = (float(middle.y), float(middle.x))
        return None if at is None else self.tile_at(collection, lat=at[0], lon=at[1])

    @one_request
    def _ground(self, collection: str | None) -> Ground | None:
        """Where the tiles of a collection lie; None where there are none, or no collection."""
        if not collection:
            return None
        found = self.tiles(collection)
        columns = self.engine.field(found)
        if not columns.n:
            return None
        box = canvas_over(Places(columns.lat, columns.lon, columns.size_m), longest_px=256).bounds
        lat, lon = (box[1] + box[3]) / 2, (box[0] + box[2]) / 2
        corner = distance_m(lat=lat, lon=lon, lats=[box[1], box[3]], lons=[box[0], box[2]])
        return Ground(lat, lon, float(corner.max()))

    def _own_places(self, collection: str | None) -> list[list[Any]]:
        return (self.tiles(collection).spec.get("places") or []) if collection else []

    @one_request
    def tile(self, collection: str, tile_id: str) -> TileFacts:
        """What is known of a tile.

        Raises:
            MissingError: There is no such tile.
        """
        key = (collection, self.version(collection), tile_id)
        return self._facts.get(key, lambda: self._tile(collection, tile_id))

    def _tile(self, collection: str, tile_id: str) -> TileFacts:
        found = self.tiles(collection)
        told = self.engine.record(found, tile_id)
        if told is None:
            raise MissingError(f"collection {collection!r} has no tile {tile_id!r}: take an id from a hit")
        near = self.engine.nearest_place(found, lat=told["lat"], lon=told["lon"])
        return TileFacts(
            tile_id=tile_id,
            footprint=Footprint(told["lat"], told["lon"], told["size_m"]),
            acquired_at=told["acquired_at"],
            gsd_m=told["gsd_m"],
            source=str(found.spec["source"]),
            attribution=found.spec.get("attribution"),
            near=None if near is None else str(near),
        )

    @one_request
    def tile_at(self, collection: str, *, lat: float, lon: float) -> str:
        """Id of the tile that holds a place, degrees.

        Raises:
            UsageError: There is none; the message says where the nearest is.
        """
        found = self.tiles(collection)
        columns = self.engine.field(found)
        return columns.ids(np.array([row_at(found, columns, lat, lon)]))[0]

    @one_request
    def look(self, collection: str, query: GroundQuery, gallery: str | None = None) -> GroundView:
        """The ground photos most like what one would see in a tile; see `GroundRetriever.look`."""
        return self.ground.look(collection, query, gallery)

    @one_request
    def caption(self, collection: str, query: CaptionQuery) -> CaptionView:
        """What one would see in a tile, in words; see `search_ui.ground.captions.Captions.say`."""
        key = (collection, self.version(collection), query)
        return self._said.get(key, lambda: self.captions.say(collection, query))

    @one_request
    def photo_time(self, collection: str, query: PhotoTimeQuery) -> PhotoTimeView:
        """When an uploaded photo of a tile was taken; see `search_ui.ground.photo_time.PhotoTimes.tell`."""
        key = (collection, self.version(collection), query)
        return self._taken.get(key, lambda: self.photo_times.tell(collection, query))

    def has_captioner(self, collection: str) -> bool:
        """Whether a collection's model speaks freely; where not, a caption takes a bank of phrases, embedded once."""
        return self.captions.has_captioner(self.tiles(collection))

    # -- pictures ----------------------------------------------------------------------------------------------------

    def chip(self, collection: str, tile_id: str, *, px: int = 256) -> bytes:
        """The overhead picture of a tile, WebP."""
        return self.imagery.chip(self.tiles(collection), tile_id, px)

    def photo(self, gallery: str, photo_id: str, *, px: int = 256) -> bytes:
        """A ground photo, WebP of at most `px` along its longer side."""
        return self.imagery.photo(self.ground.photo_path(gallery, photo_id), px)

    def imagery_version(self, collection: str) -> str:
        """A text that changes when the imagery of a collection does."""
        return self.imagery.fingerprint(self.tiles(collection))

    def map_tile(self, collection: str, z: int, x: int, y: int) -> bytes:
        """A Web-Mercator tile of the imagery, WebP, transparent where there is none."""
        return self.imagery.tile(self.tiles(collection), z, x, y)

    def _models_and_tiles(self) -> tuple[dict[str, str], dict[str, int]]:
        """Names of models by their id, tiles of collections by their stored name."""
        names = {model.model_id: model.name for model in self.catalog.models()}
        return names, self.catalog.items_of_all(("archived", "done"))

    def _shown(
        self, name: str, found: Collection, galleries: Sequence[str], names: dict[str, str], tiles: dict[str, int]
    ) -> Shown:
        own = (given for given in reversed(self.aliases.names(found.name)) if given in galleries)
        gallery = next(own, galleries[0] if len(galleries) == 1 else None)
        bounds = knows_time = None
        foreign = self.engine.foreign(found)
        if found.model_id in names or foreign is not None:
            columns = self.engine.field(found)
            knows_time = self.engine.knows_time(found)
            if columns.n:
                bounds = canvas_over(Places(columns.lat, columns.lon, columns.size_m), longest_px=256).bounds
        return Shown(
            name=name,
            model=names.get(found.model_id) if foreign is None else str(foreign),
            words=foreign is None,
            pictures=IMPORTED not in found.spec,
            model_id=found.model_id,
            knows_time=knows_time,
            tiles=tiles.get(found.name, 0),
            tile_m=float(found.spec["largest_tile_m"]),
            gsd_m=found.spec.get("gsd_m"),
            bounds=bounds,
            source=str(found.spec["source"]),
            attribution=found.spec.get("attribution"),
            gallery=gallery,
            created_at=found.created_at,
        )


def _confined(what: str, advice: str) -> Confined:
    """Where files of strangers are read."""
    return Confined(
        memory_bytes=_BROUGHT_BYTES, seconds=_BROUGHT_S, refused=lambda why: UploadError(f"{what} {why}: {advice}")
    )


def _all_over(year: int) -> list[When]:
    """The middle of each month at two hours, so that the hours of the day come once each."""
    return [MonthHour.of(year, number // 2 + 1, number * 7 % 24) for number in range(24)]


_lock = threading.Lock()
_running: list[Service] = []


def start(settings: Settings, *, read_only: bool = False) -> Service:
    """Make the process's service; the one before is closed."""
    with _lock:
        _stop()
        _running.append(Service(settings, read_only=read_only))
        return _running[0]


def service() -> Service:
    """The process's service; where none was started, that of the home folder that the environment names."""
    with _lock:
        if not _running:
            _running.append(Service(load_settings()))
        return _running[0]


def stop() -> None:
    """Close the process's service; for the end of a process, and for tests."""
    with _lock:
        _stop()


def _stop() -> None:
    while _running:
        _running.pop().close()
