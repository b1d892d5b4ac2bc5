"""What one would see on the ground: a tile and a moment in, the photos of a gallery that are most like it out.

The score of a photo is the cosine of its vector, as the model compares photos (`trainer.photo_projection`), with S of
the tile at the moment; without a moment S = O. Every photo that passes the filter is scored. A photo need not have
been taken there: each says how far from the place it was taken, and whether inside the tile. Distances are geodesic,
from the place asked about: the one given, else the middle of the tile. Photos that come up for very many tiles are
not held back: corrections of such hubs made them rarer, and the nine no more right (`benchmarks/ground.py`). Where
the imagery is unlike what the model learned from, likeness is no evidence: only photos taken near are shown.

It knows neither the screen nor the command line, nor how vectors are made.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import require_model
from ingest.catalog.names import GALLERY, gallery_name
from ingest.field.scorer import NO_DATE, ExactScorer
from ingest.geo.geometry import Footprint, distance_m
from search_ui.ground.gallery import Gallery, read_gallery
from search_ui.ground.view import GroundQuery, GroundView, PhotoHit, say_distance
from search_ui.search.ranking import SCORE_DIGITS, best_rows
from trainer.earth import MEAN_RADIUS_M
from trainer.errors import ArchiveError, MissingError, ModelMismatchError, UsageError
from trainer.photo_projection import PhotoProjection

if TYPE_CHECKING:
    from search_ui.search.engine import Engine

_THIS_GROUND_M = 25_000.0  # photos taken so near are of the same ground as the place
_AT_ONCE = 8_192  # photos
_NEAREST = 16  # tiles near a place whose footprints are tested exactly

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass
class GroundRetriever:
    """Looks around in the collections of one engine; galleries stay loaded between questions.

    Attributes:
        engine: It has the fields and the models.
    """

    engine: "Engine"
    _galleries: dict[str, tuple[ExactScorer, Gallery, Rows]] = field(default_factory=dict)
    _ratios: WeakKeyDictionary[ExactScorer, npt.NDArray[np.float32]] = field(default_factory=WeakKeyDictionary)

    def look(self, collection_name: str, query: GroundQuery, gallery: str | None = None) -> GroundView:
        """The photos most like what one would see in a tile.

        Args:
            collection_name: Name of a collection of tiles, as people give it.
            gallery: Its name; None: that of the collection's name, else the only one.

        Raises:
            MissingError: No such collection, gallery or tile.
            ModelMismatchError: The gallery is of another model.
            UsageError: There are several galleries to choose from, or the place is in no tile.
        """
        catalog = self.engine.catalog
        tiles = self.engine.collection(collection_name)
        album = find_gallery(catalog, tiles, gallery)
        columns = self.engine.field(tiles)
        row = row_of(tiles, columns, query.tile_id, query.place)
        when, note = self.engine.moment(tiles, query.when)
        tile = Footprint(float(columns.lat[row]), float(columns.lon[row]), float(columns.size_m[row]))
        lat, lon = query.place or (tile.lat, tile.lon)
        seen = columns.predicted(np.array([row]), when=when)[0]
        gallery_columns, photos, gallery_rows = self._gallery(album)
        selection = photos.select(query.photos, _distances(photos, query.photos.within_m, lat=lat, lon=lon))
        caution, mask, elsewhere = self.engine.caution(tiles), selection.mask, None
        if caution is not None:  # then likeness shows nothing: what is left is that a photo was taken there
            mask = mask & (_distances(photos, _THIS_GROUND_M, lat=lat, lon=lon) <= _THIS_GROUND_M)
            if len(photos) and not mask.any():
                elsewhere = f"no gallery for this ground: no photo was taken within {_THIS_GROUND_M / 1000:g} km"
        projection = self.engine.embedder(tiles).photo_projection
        best = self._best(gallery_columns, photos, gallery_rows, seen, projection, np.flatnonzero(mask), query.k)
        date = int(columns.acquired_us[row])
        return GroundView(
            query=query.as_dict(),
            lat=lat,
            lon=lon,
            tile_id=columns.ids(np.array([row]))[0],
            tile=tile,
            acquired_at=None if date == NO_DATE else f"{np.datetime64(date, 'us').astype('datetime64[s]')}Z",
            when=when,
            collection=collection_name,
            gallery=Aliases(catalog).called(album.name).removeprefix(GALLERY),
            model_id=tiles.model_id,
            attribution=tiles.spec.get("attribution"),
            photos=len(photos),
            candidates=int(mask.sum()),
            unknown=selection.unknown,
            hits=_hits(photos, best, tile, lat=lat, lon=lon),
            note="; ".join(filter(None, (elsewhere, caution, note)))
            if elsewhere
            else _remark("; ".join(filter(None, (caution, note))), photos, query, selection.unknown, len(best)),
        )

    def album(self, gallery: str) -> Collection:
        """The gallery of a name.

        Raises:
            MissingError: There is none.
        """
        album = Aliases(self.engine.catalog).find(gallery_name(gallery.removeprefix(GALLERY)))
        if album is None or album.kind != "gallery":
            raise MissingError(f"no gallery {gallery!r} here: bring photos in with `groundcast photos`")
        return album

    def photo_path(self, gallery: str, photo_id: str) -> Path:
        """The file of a photo, by its gallery's name and its id.

        Raises:
            MissingError: There is no such gallery or photo.
        """
        album = self.album(gallery)
        _, photos, _ = self._gallery(album)
        try:
            return Path(photos.record(photos.ids.index(photo_id))["path"])
        except ValueError:
            raise MissingError(
                f"gallery {gallery!r} has no photo {photo_id!r}: take an id from a ground view"
            ) from None

    def _gallery(self, album: Collection) -> tuple[ExactScorer, Gallery, Rows]:
        """A gallery's field, its photos, and which row of the field each of them has."""
        columns = self.engine.field(album)
        known = self._galleries.get(album.name)
        # a new field means new parts: photos and their rows are read anew with it
        if known is None or known[0] is not columns:
            photos = read_gallery(self.engine.archive(album))
            # field and archive have orders of their own; −1: not in the field yet
            rows = {photo: row for row, photo in enumerate(columns.ids() if columns.n else [])}
            known = columns, photos, np.array([rows.get(photo, -1) for photo in photos.ids], np.int64)
            self._galleries[album.name] = known
        return known

    def _best(
        self,
        columns: ExactScorer,
        photos: Gallery,
        rows: Rows,
        seen: npt.NDArray[np.float32],
        projection: PhotoProjection | None,
        chosen: Rows,
        k: int,
    ) -> list[tuple[int, float]]:
        """The k photos of the chosen that are most like what is seen, best first: row and cosine."""
        chosen = chosen[rows[chosen] >= 0]  # a photo that came while the field was opened waits for the next question
        # a vector of zeros or NaN is as like to every photo as to any other: no answer is better than that one
        if not (np.isfinite(seen).all() and seen.any()):
            raise ArchiveError(f"the tile's vector has no direction: run `groundcast verify` ({seen[:3]} …)")
        if projection is None:
            cosine = columns.cosines(seen, when=None, rows=rows[chosen])
        else:
            # cos(S, A·G) = cos(Aᵀ·S, G) · |Aᵀ·S| / |S| ÷ (|A·G| / |G|)
            back = projection.back(seen)
            ratios = self._length_ratios(columns, projection)[rows[chosen]]
            cosine = columns.cosines(back, when=None, rows=rows[chosen]) / ratios
            cosine *= np.linalg.norm(back) / np.linalg.norm(seen)
        best = best_rows(cosine, k, lambda some: [photos.ids[i] for i in chosen[some]])[:k]
        return list(zip(chosen[best].tolist(), cosine[best].tolist(), strict=True))

    def _length_ratios(self, columns: ExactScorer, projection: PhotoProjection) -> npt.NDArray[np.float32]:
        """|A·G| / |G| of each row of a gallery's field, [n]; worked out once, in half a second for 100,000."""
        known = self._ratios.get(columns)
        if known is None:
            known = np.empty(columns.n, np.float32)
            for start in range(0, columns.n, _AT_ONCE):
                some = slice(start, min(start + _AT_ONCE, columns.n))
                g = columns.vectors(np.arange(some.start, some.stop))
                known[some] = _length(projection.of(g)) / _length(g)
            self._ratios[columns] = known
        return known


def _length(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each row, above zero."""
    length: npt.NDArray[np.float32] = np.maximum(np.linalg.norm(vectors, axis=1), np.float32(1e-12))
    return length


def find_gallery(catalog: Catalog, tiles: Collection, name: str | None) -> Collection:
    """The gallery of a name; without one that of a name of the collection, else the only one.

    Raises:
        MissingError: There is none.
        UsageError: There are several to choose from, `tiles` is itself a gallery, or its model is not here.
        ModelMismatchError: It is of another model than the tiles.
    """
    if tiles.kind != "tiles":
        raise UsageError(f"{tiles.name!r} is a gallery: --collection takes tiles, --gallery the photos")
    require_model(catalog, tiles)  # no photo can be brought to a model that is not here
    aliases = Aliases(catalog)
    every = aliases.in_service().items()
    galleries = {name.removeprefix(GALLERY): found for name, found in every if found.kind == "gallery"}
    own = next((name for name in reversed(aliases.names(tiles.name)) if name in galleries), None)
    have = ", ".join(galleries) or "none yet"
    if not galleries:
        raise MissingError("no gallery here: bring photos in with `groundcast photos PATH --gallery NAME`")
    if name is not None:
        wanted = gallery_name(name.removeprefix(GALLERY)).removeprefix(GALLERY)
        if wanted not in galleries:
            raise MissingError(f"no gallery {wanted!r} here (have: {have}): make it with `groundcast photos`")
        found = galleries[wanted]
    elif own is not None:
        found = galleries[own]
    elif len(galleries) == 1:
        found = next(iter(galleries.values()))
    else:
        raise UsageError(f"several galleries here ({have}): choose one with --gallery")
    if found.model_id != tiles.model_id:
        served, model = aliases.called(found.name), _model_name(catalog, tiles)
        raise ModelMismatchError(
            f"gallery {served.removeprefix(GALLERY)!r} was made with model {found.model_id}, collection "
            f"{tiles.name!r} with {tiles.model_id}, so their vectors cannot be compared: bring the photos to that "
            f"model with `groundcast collection upgrade {served} --model {model}`"
        )
    return found


def _model_name(catalog: Catalog, tiles: Collection) -> str:
    return next((model.name for model in catalog.models() if model.model_id == tiles.model_id), tiles.model_id)


def row_of(tiles: Collection, columns: ExactScorer, tile_id: str | None, place: tuple[float, float] | None) -> int:
    """The row of the tile asked about, by its id or by a place in it, of which there is one.

    Raises:
        MissingError: There is no such tile.
        UsageError: The place is in none.
    """
    if not columns.n:
        raise MissingError(f"collection {tiles.name!r} is empty: run `groundcast ingest`")
    if place is not None:
        return row_at(tiles, columns, *place)
    row = None if tile_id is None else columns.row(tile_id)
    if row is None:
        raise MissingError(f"collection {tiles.name!r} has no tile {tile_id!r}: take an id from a hit")
    return row


def row_at(tiles: Collection, columns: ExactScorer, lat: float, lon: float) -> int:
    """The row of the tile that holds a place, degrees; of several the one whose middle is nearest.

    Raises:
        UsageError: There is none; the message says where the nearest is.
    """
    roughly = _haversine_m(lat, lon, columns.lat, columns.lon)
    # the sphere's order is right to half a percent: of the 16 nearest on it the geodesic one is found exactly
    near = np.argpartition(roughly, min(_NEAREST, columns.n) - 1)[:_NEAREST]
    exact = distance_m(lat=lat, lon=lon, lats=columns.lat[near], lons=columns.lon[near])
    # a tile of any size reaches half a diagonal
    reaching = np.flatnonzero(roughly <= 0.75 * columns.size_m + 1)
    for row in reaching[np.argsort(roughly[reaching])].tolist():
        footprint = Footprint(float(columns.lat[row]), float(columns.lon[row]), float(columns.size_m[row]))
        if footprint.contains(lat=lat, lon=lon):
            return int(row)
    nearest = int(near[exact.argmin()])
    raise UsageError(
        f"no tile of collection {tiles.name!r} holds {lat:.5f}, {lon:.5f}: the nearest, "
        f"{columns.ids(np.array([nearest]))[0]}, is {say_distance(float(exact.min()))} away "
        f"at {columns.lat[nearest]:.5f}, {columns.lon[nearest]:.5f}"
    )


def _haversine_m(lat: float, lon: float, lats: Floats, lons: Floats) -> Floats:
    """Distances on a sphere, to half a percent, [n]."""
    phi, phis = math.radians(lat), np.radians(lats)
    # haversine: exact where places are close, and nothing to do at ±180°
    half = np.sin((phis - phi) / 2) ** 2 + math.cos(phi) * np.cos(phis) * np.sin(np.radians(lons - lon) / 2) ** 2
    metres: Floats = 2 * MEAN_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return metres


def _distances(photos: Gallery, within_m: float | None, *, lat: float, lon: float) -> Floats:
    """Metres from a place to the photos that may be so near, infinite for others, NaN where theirs is unknown, [n]."""
    # geodesics only for photos that the sphere, wrong by half a percent, cannot rule out
    away = np.where(np.isfinite(photos.lat), np.inf, np.nan)
    if within_m is not None:
        # NaN compares as false: a photo without a place is not near
        near = _haversine_m(lat, lon, photos.lat, photos.lon) <= 1.01 * within_m + 1
        away[near] = distance_m(lat=lat, lon=lon, lats=photos.lat[near], lons=photos.lon[near])
    return away


def _hits(
    photos: Gallery, best: Sequence[tuple[int, float]], tile: Footprint, *, lat: float, lon: float
) -> list[PhotoHit]:
    """Rows and cosines as hits."""
    hits = []
    for rank, (row, cosine) in enumerate(best, start=1):
        record = photos.record(row)
        placed, heading = bool(np.isfinite(photos.lat[row])), record.pop("heading_deg")
        there = {"lats": photos.lat[row : row + 1], "lons": photos.lon[row : row + 1]}
        hits.append(
            PhotoHit(
                rank=rank,
                cosine=round(cosine, SCORE_DIGITS),
                distance_m=round(float(distance_m(lat=lat, lon=lon, **there)[0]), 1) if placed else None,
                here=bool(tile.contains(lat=record["lat"], lon=record["lon"])) if placed else None,
                heading_deg=None if heading is None else round(heading, 2),
                **record,
            )
        )
    return hits


def _remark(note: str, photos: Gallery, query: GroundQuery, unknown: Mapping[str, int], hits: int) -> str | None:
    """What to read beside the hits: what the moment did not do, what the filter could not know, why there are few."""
    told = [note] if note else []
    if not len(photos):
        told.append("the gallery is empty: bring photos in with `groundcast photos`")
    elif not hits:
        told.append(f"none of the {len(photos):,} photos matches the filter")
    lacking = [f"{count:,} of {len(photos):,} have no known {what}" for what, count in unknown.items()]
    if lacking:
        told.append(f"{', '.join(lacking)}: a filter never matches what is not known")
    if query.photos.licences and not hits and (have := photos.licences()):
        told.append(f"the gallery's licences are {', '.join(have[:8])}{' …' if len(have) > 8 else ''}")
    return "; ".join(told) or None
