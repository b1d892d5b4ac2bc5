"""A collection of tiles in an open home, and what can be asked of it: tables, maps, calendars, photos, labels.

Every answer is the service's, which the command line and the app ask too. What should be read beside an answer is
logged, and travels with it. It does not know how answers are computed.
"""

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from groundcast.coverage import card, coverage_png
from groundcast.ground_photos import GroundOptions, GroundPhotos, filter_of
from groundcast.labels import CollectionLabels
from groundcast.moments import Moment, moment_of
from groundcast.opened import OpenHome, note
from groundcast.question import SearchOptions, number, one_text, spelled_out, whole
from groundcast.score_calendar import ScoreCalendar, note_of
from groundcast.score_map import ScoreMap
from groundcast.tables import TableKind, check_kind, hits_as, scores_as
from ingest.geo.footprints import Places
from ingest.places.coordinates import parse_coordinates
from search_ui.ground.view import GroundQuery
from search_ui.maps.calendars import TOP, check_top
from search_ui.maps.snapshots import About, Value, places_of, say_question
from search_ui.search.query import Query
from trainer.errors import AreaError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame

    from search_ui.service.service import Service


class TileCollection:
    """A collection of tiles. `Home` hands it out: ``home["town"]``. May be used from several threads.

    Attributes:
        name: As it was asked for.
    """

    def __init__(self, home: OpenHome, name: str) -> None:
        self.name = name
        self._home = home

    def __repr__(self) -> str:
        return f"TileCollection({self.name!r} in '{self._home.settings.home}')"

    @property
    def labels(self) -> CollectionLabels:
        """Its sets of labels."""
        return CollectionLabels(self._home, self.name)

    def describe(self) -> dict[str, Any]:
        """What is known of it, in JSON types.

        Returns:
            name, model, model_id, words (whether it can be asked in words), knows_time, tiles, tile_m and gsd_m
            (metres), bounds (west, south, east, north in degrees; east beyond 180 across ±180°), source, attribution,
            gallery, created_at (UTC), max_zoom; None where something is not known.

        Raises:
            UsageError: The home is closed.
            MissingError: It is not there any more.
        """
        with self._home.asked() as service:
            return service.shown(self.name).as_dict()

    @overload
    def search(
        self, text: str | None = None, *, when: Moment = None, k: int = 9, min_relevance: float = 0.0,
        overlapping: bool = False, as_: Literal["geopandas"] = "geopandas", **options: Unpack[SearchOptions],
    ) -> "GeoDataFrame": ...  # fmt: skip
    @overload
    def search(
        self, text: str | None = None, *, when: Moment = None, k: int = 9, min_relevance: float = 0.0,
        overlapping: bool = False, as_: Literal["arrow"], **options: Unpack[SearchOptions],
    ) -> "pa.Table": ...  # fmt: skip
    @spelled_out(SearchOptions)
    def search(
        self,
        text: str | None = None,
        *,
        when: Moment = None,
        k: int = 9,
        min_relevance: float = 0.0,
        overlapping: bool = False,
        as_: TableKind = "geopandas",
        **options: Unpack[SearchOptions],
    ) -> Any:
        """The tiles most like a question at a moment: the hits of `groundcast search`.

        Args:
            text: What one would see there; ``TEXT^2`` weighs 2. None: the options say what is asked.
            when: The moment, wall-clock time at the place: ``2025-07-14T18``, ``2025-07``, ``T18``, a date, datetime
                or time. None: any time.
            k: How many hits, 1 to 10,000.
            min_relevance: Only tiles of at least this relevance, 0..1.
            overlapping: Also tiles that overlap a better one.
            as_: ``geopandas`` or ``arrow``.
            options: Further texts, pictures, an area, dates: see `SearchOptions`.

        Returns:
            One row a hit, best first: rank, tile_id, lat, lon (degrees), west, south, east, north, size_m, cosine
            (−1..1), relevance (0..1), grade, near, place, likeliest, not_now, acquired_at (UTC), source, collection,
            model_id; geometry: the footprint, WGS84 degrees. Relevance and place are missing where vectors were
            brought and their model is not here. `frame.attrs["provenance"]`, or the table's metadata, says what was
            asked of what, and what should be read beside it.

        Raises:
            UsageError: Nothing is asked, an argument cannot be understood, or the home is closed.
            AreaError: The area or a date cannot be understood.
            CatalogError: The collection, its model or a tile is not there.
        """
        check_kind(as_)
        with self._home.asked() as service, service.request():
            reader = self._home.reader(service, self.name)
            query, told = reader.query(
                text, when, dict(options), k=k, min_relevance=min_relevance, overlapping=overlapping
            )
            answer = service.search(self.name, query).answer
            answer = replace(answer, note=note(self.name, told, answer.note))
            return hits_as(answer, service.engine.provenance(self.name).block(answer), as_)

    @overload
    def scores(
        self, text: str | None = None, *, when: Moment = None, as_: Literal["geopandas"] = "geopandas",
        **options: Unpack[SearchOptions],
    ) -> "GeoDataFrame": ...  # fmt: skip
    @overload
    def scores(
        self, text: str | None = None, *, when: Moment = None, as_: Literal["arrow"], **options: Unpack[SearchOptions]
    ) -> "pa.Table": ...
    @spelled_out(SearchOptions)
    def scores(
        self,
        text: str | None = None,
        *,
        when: Moment = None,
        as_: TableKind = "geopandas",
        **options: Unpack[SearchOptions],
    ) -> Any:
        """Every tile of the question's area and dates with its scores; arguments and errors as for `search`.

        Returns:
            One row a tile, neighbours on the map near each other: tile_id, lat, lon (degrees), cosine (−1..1),
            relevance (0..1; NaN where there is none, see `search`), size_m; geometry: the footprint, WGS84 degrees.
        """
        check_kind(as_)
        with self._home.asked() as service, service.request():
            query, told = self._home.reader(service, self.name).query(text, when, dict(options))
            scores = service.scores(self.name, query)
            provenance = self._about(service, query).provenance
            return scores_as(scores, {**provenance, "note": note(self.name, told, scores.note)}, as_)

    @spelled_out(SearchOptions)
    def map(
        self,
        text: str | None = None,
        *,
        when: Moment = None,
        minus_when: Moment = None,
        value: Value = "cosine",
        **options: Unpack[SearchOptions],
    ) -> ScoreMap:
        """The score of every tile as a map: an array with its transform, a picture, a file.

        Args:
            text: What one would see there.
            when: The moment; None: any time.
            minus_when: Map the difference: `when` less this moment.
            value: What the array and the picture show: ``cosine`` or ``relevance``.
            options: As for `search`.

        Raises:
            UsageError: There is no tile, the relevance is asked for and there is none, or as for `search`.
        """
        if value not in ("cosine", "relevance"):
            raise UsageError(f"value = {value!r}: take 'cosine' or 'relevance'")
        if minus_when is not None and when is None:
            raise UsageError("minus_when needs when: the map shows the scores at `when` less those at `minus_when`")
        with self._home.asked() as service, service.request():
            query, told = self._home.reader(service, self.name).query(text, when, dict(options))
            scores = service.scores(self.name, query)
            places_of(scores)  # for its error alone: no tile
            other, minus = moment_of("minus_when", minus_when), None
            if other is not None:
                minus = service.scores(self.name, replace(query, when=other))
            shown = replace(scores, note=note(self.name, told, scores.note))
            more = {"value": value} | ({} if other is None else {"minus_when": other.isoformat()})
            return ScoreMap(shown, minus, value, self._about(service, query, **more))

    @spelled_out(SearchOptions)
    def calendar(
        self,
        text: str | None = None,
        *,
        year: int | None = None,
        top: int = TOP,
        **options: Unpack[SearchOptions],
    ) -> ScoreCalendar:
        """In which months and at which hours one would see it, in the collection or an area of it.

        Args:
            text: What one would see there.
            year: The year that is asked about; None: this one.
            top: Average so many of the highest tiles, 1 or more.
            options: As for `search`.

        Raises:
            UsageError: The model knows no time, no tile lies there, or as for `search`.
        """
        with self._home.asked() as service, service.request():
            check_top(whole("top", top))
            chosen = None if year is None else whole("year", year)
            query, told = self._home.reader(service, self.name).query(text, None, dict(options))
            calendar = service.calendar(self.name, query, year=chosen, top=whole("top", top))
            place, likeliest = service.likeliest(self.name, query)
            beside = note(self.name, told, service.engine.caution(service.tiles(self.name)))
            about = self._about(service, query)
            return ScoreCalendar(calendar, place, likeliest, about, note_of(place, likeliest, beside))

    @spelled_out(GroundOptions)
    def ground(
        self,
        tile: str | None = None,
        *,
        at: str | tuple[float, float] | None = None,
        when: Moment = None,
        gallery: str | None = None,
        k: int = 9,
        **options: Unpack[GroundOptions],
    ) -> GroundPhotos:
        """The photos of a gallery that are most like what one would see in a tile.

        Args:
            tile: Id of the tile; or
            at: a place in it: latitude and longitude in degrees, or text in any usual notation.
            when: The moment, wall-clock time there; None: any time.
            gallery: Whose photos; None: that of the collection's name, or the only one.
            k: How many.
            options: Which photos may answer, see `GroundOptions`.

        Raises:
            MissingError: There is no such tile or gallery.
            ModelMismatchError: The gallery is of another model.
            UsageError: Neither or both of `tile` and `at` are given, the place is in no tile, or as for `search`.
        """
        with self._home.asked() as service, service.request():
            query = GroundQuery(
                tile_id=None if tile is None else one_text("tile", tile),
                place=None if at is None else _place(at),
                when=moment_of("when", when),
                k=whole("k", k),
                photos=filter_of(dict(options)),
            )
            view = service.look(self.name, query, gallery)
            return GroundPhotos(replace(view, note=note(self.name, view.note)), self._photo)

    def picture(self, tile: str, *, px: int = 256) -> Image.Image:
        """A tile from above, north up, RGBA of `px` × `px` pixels, transparent where there is no imagery.

        Raises:
            MissingError: There is no such tile.
            SourceError: The imagery cannot be opened any more.
            GroundcastError: Its pixels cannot be read.
            UsageError: `px` is not from 16 to 1,024.
        """
        with self._home.asked() as service:
            content = service.chip(self.name, one_text("tile", tile), px=whole("px", px))
        with Image.open(io.BytesIO(content)) as picture:
            return picture.convert("RGBA")

    def vectors(self, *, when: Moment = None) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The vectors of all tiles, in the order of `scores`.

        Args:
            when: What is seen there at this moment, wall-clock time at the place; None: what the archive holds.

        Returns:
            Ids of the tiles, and their vectors as the model makes them, float32 [n, d], unnormalised.

        Raises:
            CatalogError: The collection or its model is not there.
        """
        with self._home.asked() as service, service.request():
            found = service.tiles(self.name)
            moment, told = service.engine.moment(found, moment_of("when", when))
            note(self.name, told)
            columns = service.engine.field(found)
            return columns.ids(), columns.predicted(np.arange(columns.n), when=moment)

    def _about(self, service: "Service", query: Query, **more: Any) -> About:
        """The question in words, and where the answer comes from, as files of the command line say it."""
        asked = {name: value for name, value in query.as_dict().items() if name not in ("k", "distinct")}
        facts = service.engine.provenance(self.name).facts()
        return About(say_question(query), {"query": asked, "method": "exact"} | more | facts)

    def _photo(self, gallery: str, photo_id: str, px: int) -> bytes:
        with self._home.asked() as service:
            return service.photo(gallery, photo_id, px=px)

    def _repr_html_(self) -> str:
        """A small map of where its tiles lie, and what is known of it."""
        if self._home.closed:
            return card(f"{self!r}, closed", (), None, "")
        with self._home.asked() as service, service.request():
            told = service.shown(self.name).as_dict()
            picture = None
            if told["bounds"] is not None:
                columns = service.engine.field(service.tiles(self.name))
                picture = coverage_png(Places(columns.lat, columns.lon, columns.size_m))
        facts = [
            ("tiles", f"{told['tiles']:,} of {told['tile_m']:g} m"),
            ("W, S, E, N", told["bounds"] and ", ".join(f"{edge:.4f}" for edge in told["bounds"])),
            ("model", told["model"] or f"{told['model_id']}, which is not here any more"),
            ("knows time", {True: "yes", False: "no", None: None}[told["knows_time"]]),
            ("imagery", told["source"]),
            ("ground sample distance", told["gsd_m"] and f"{told['gsd_m']:.3g} m"),
            ("credit", told["attribution"]),
            ("gallery", told["gallery"]),
        ]
        return card(self.name, facts, picture, f"where the tiles of {self.name} lie")


def _place(at: Any) -> tuple[float, float]:
    """Latitude and longitude."""
    if isinstance(at, str):
        found = parse_coordinates(at)
        if found is None:
            raise AreaError(f"at = {at[:60]!r} is no place: write 43.1, -165.0 or 43.1 N 165.0 W")
        return found
    try:
        lat, lon = at
    except (TypeError, ValueError) as error:
        raise UsageError(f"at = {at!r}: give latitude and longitude") from error
    return number("at", lat), number("at", lon)
