"""Above a size: the index fetches candidates, and the exact formula puts them in order.

The index knows directions u = O/‖O‖ only, and no time; so the moment moves into the query. Over a region S = A·O + c,
with A = 1 + C·M·Bᵀ (1 where the moment adds the same to every tile), and a tile scores at least f there exactly if
S·q ≥ f ‖S‖. To first order around a tile O', S' that is likely a hit, that orders tiles like

    u·(Aᵀ(q − f S'/‖S'‖) + f O'/‖S'‖)

which without M is u·(q − f E/‖S'‖). That is a tangent, and scores bend, so a ridge regression bends it to the scores of
the best of a sample. Each region is asked for that vector, with M, f, S' and O' of the sample as if it lay there, for
more candidates than hits, and once without time, for what is there at another moment: all in one request, which gives
ids, and a second one for the columns of their union. How often this misses one of the true nine is measured by
``benchmarks/candidates.py`` with a trained model, and by ``benchmarks/index.py`` in large collections of made vectors.

It does not know which tiles are hits in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ingest.archive.files import FilePath
from ingest.archive.parts import Archive
from ingest.field.scorer import NO_DATE, ExactScorer, FieldEncoder
from ingest.index.protocol import ACQUIRED_AT, LOCATION, MAX_K, PART, Candidates, Filter, Index, item_id
from trainer.encoding import When

SAMPLE = 4_096  # tiles that stand for a collection
_PARTS = 128  # from which they are taken, at most
ASKED = 1_024  # of them, which a question is made of
REGIONS = 4
LEAST, FACTOR = 512, 4  # candidates of a region: at least, and to a hit
AT_ANY_TIME = 128  # tiles like the question without time: places for it at another moment, for "not now" to look at
_FLAT = 1e-4  # of the largest variance: axes with less of it tell no regions apart
_TOP = 0.02  # of a sample: what scores like them is a hit
_FITTED = 256  # the best tiles of a sample, which a question is fitted to
_REACH, _RIDGE = 0.5, 0.03  # of nine tries the two with the most of the true nine (python -m benchmarks.candidates)
_LEAST = 1e-9

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """Some tiles of a collection, [n].

    Attributes:
        lat: Degrees north.
        lon: Degrees east.
        vectors: O, float32 [n, d].
        encoder: Of the model that made the vectors; None where it knows neither place nor time.
    """

    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    vectors: Floats
    encoder: FieldEncoder | None

    @property
    def n(self) -> int:
        """How many tiles there are, n."""
        return len(self.lat)

    def predicted(self, rows: Rows, *, when: When) -> Floats:
        """S of rows at a moment, unnormalised, float32 [m, d]."""
        return self.seen(self.vectors[rows], lat=self.lat[rows], lon=self.lon[rows], when=when)

    def seen(
        self,
        vectors: Floats,
        *,
        lat: npt.NDArray[np.float64],
        lon: npt.NDArray[np.float64],
        when: When,
    ) -> Floats:
        """S of tiles of the collection, of O, float32 [m, d]."""
        if when is None or self.encoder is None:
            return vectors
        return self.encoder.at(vectors, self.encoder.place(lat, lon), np.isfinite(lat), when=when)


@dataclass(frozen=True)
class Pool:
    """The candidates as columns, [n], with their exact scores; read like a field.

    Attributes:
        tile_id: Id of each.
        lat: Centres, degrees north.
        lon: Centres, degrees east.
        size_m: Sides, metres.
        acquired_us: Microseconds since 1970, UTC; `NO_DATE` where unknown.
        o: O, float32 [n, d].
        s: S at the moment asked about, [n, d].
        cosine: float32 [n].
        part: Key of the archive's part that holds each; None: its point does not say.
        sample: Of the collection; it knows the model.
    """

    tile_id: list[str]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    size_m: Floats
    acquired_us: Rows
    o: Floats
    s: Floats
    cosine: Floats
    part: list[str | None]
    sample: Sample

    def ids(self, rows: Rows) -> list[str]:
        """Ids of rows."""
        return [self.tile_id[row] for row in rows]

    def cosines(self, query: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """Cosines of rows with a query, at the moment asked about, or at none: float32 [m]."""
        vectors = (self.o if when is None else self.s)[slice(None) if rows is None else rows]
        cosines: Floats = vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
        return cosines

    def frames(self, query: Floats, whens: Sequence[When], *, rows: Rows | None = None) -> Floats:
        """Cosines of rows with a query at T moments, float32 [T, m]."""
        chosen = slice(None) if rows is None else rows
        o, unit = self.o[chosen], query / np.linalg.norm(query)
        out = np.empty((len(whens), len(o)), np.float32)
        for number, when in enumerate(whens if len(o) else ()):
            s = self.sample.seen(o, lat=self.lat[chosen], lon=self.lon[chosen], when=when)
            out[number] = s @ unit / np.linalg.norm(s, axis=1)
        return out


@dataclass(frozen=True)
class FieldSample:
    """The same tiles as a `Sample`, read from a field: what is usual is then the same whichever of the two answers.

    Attributes:
        field: Of the collection.
        rows: Of those tiles, by their ids.
    """

    field: ExactScorer
    rows: Rows

    @property
    def n(self) -> int:
        """How many tiles there are, n."""
        return len(self.rows)

    def predicted(self, rows: Rows, *, when: When) -> Floats:
        """S of some of them at a moment, unnormalised, float32 [m, d]."""
        return self.field.predicted(self.rows[rows], when=when)


def take_sample(archive: Archive, encoder: FieldEncoder | None) -> Sample:
    """Tiles of parts spread evenly over the archive, by their ids.

    Raises:
        ArchiveError: A part is broken.
    """
    chosen, each = _spread(archive)
    read = [archive.read(path.stem) for path in chosen]
    steps = [_step(part.table.num_rows, each) for part in read]
    ids, lat, lon = (
        np.concatenate([part.table[name].to_numpy()[::step] for part, step in zip(read, steps, strict=True)])
        for name in (archive.id_column, "lat", "lon")
    )
    vectors = np.concatenate([part.vectors()[::step] for part, step in zip(read, steps, strict=True)])
    order = np.argsort(ids)
    return Sample(lat[order], lon[order], vectors[order].astype(np.float32), encoder)


def sample_field(archive: Archive, field: ExactScorer) -> FieldSample:
    """The tiles of `take_sample` in a field that is up to date with the archive; only ids are read.

    Raises:
        ArchiveError: A part is broken.
    """
    chosen, each = _spread(archive)
    columns = [archive.column(path, archive.id_column).to_pylist() for path in chosen]
    ids = sorted(item for column in columns for item in column[:: _step(len(column), each)])
    rows = [row for item in ids if (row := field.row(item)) is not None]
    return FieldSample(field, np.array(rows, np.int64))


def _spread(archive: Archive) -> tuple[list[FilePath], int]:
    """Parts of an archive, some of many, and how many tiles are to be taken of each."""
    parts = archive.parts()
    # not all of many: a sample must not cost a pass over a large archive
    chosen = [parts[i] for i in np.unique(np.linspace(0, len(parts) - 1, _PARTS).astype(int))] if parts else []
    return chosen, -(-SAMPLE // max(len(chosen), 1))  # rounded up


def _step(rows: int, each: int) -> int:
    return max(1, rows // each)


def candidates(
    index: Index,
    sample: Sample,
    query: Floats,
    *,
    when: When,
    k: int,
    filter: Filter,
    timeless: Floats | None = None,
) -> Pool:
    """Tiles among which the k best of the filter are, almost surely, with their exact scores.

    At a moment the `AT_ANY_TIME` best at none are among them too: of `timeless`, where that is another vector.

    Args:
        index: The collection's, open; holds directions O/‖O‖ and the norms as payload.
        sample: Tiles that stand for the collection; tells what the moment does in each region.
        query: float32 [d], unit length.
        when: The moment; None: S = O, and what the index finds is exact.
        k: How many hits are wanted.
        filter: Area and dates; heeded inside the index's search, never on its results.
        timeless: What is asked without time, float32 [d]; None: the query.
    """
    if when is None:
        found = _nearest(index, query, min(MAX_K, k), filter)
    else:
        count = min(MAX_K, max(LEAST, FACTOR * k, AT_ANY_TIME))
        asked = [*questions(sample, query, when=when, filter=filter), query if timeless is None else timeless]
        found = index.candidates(np.array(asked), count, filter)
    payloads = found.payloads
    place = [payload[LOCATION] for payload in payloads]
    lat, lon = (np.array([where[name] for where in place], np.float64) for name in ("lat", "lon"))
    # the index holds u = O/‖O‖, and ‖O‖ as payload: both together are O again, [m, d]
    o = found.directions * np.array([payload["norm"] for payload in payloads], np.float32)[:, None]
    s = sample.seen(o, lat=lat, lon=lon, when=when) if payloads else o
    return Pool(
        tile_id=[item_id(payload) for payload in payloads],
        lat=lat,
        lon=lon,
        size_m=np.array([payload["size_m"] for payload in payloads], np.float32),
        acquired_us=np.array([_microseconds(payload.get(ACQUIRED_AT)) for payload in payloads], np.int64),
        o=o,
        s=s,
        cosine=s @ query / np.linalg.norm(s, axis=1),
        part=[payload.get(PART) for payload in payloads],
        sample=sample,
    )


def _nearest(index: Index, query: Floats, k: int, filter: Filter) -> Candidates:
    """The k best at no moment, where u·q is the cosine itself: the index's own order is the true one."""
    matches = index.query(query, k, filter)
    directions = index.vectors(match.item_id for match in matches)
    rows = [directions[match.item_id] for match in matches]
    return Candidates([match.payload for match in matches], np.array(rows, np.float32).reshape(-1, len(query)))


def questions(sample: Sample, query: Floats, *, when: When, filter: Filter) -> list[Floats]:
    """What to ask an index of directions for at a moment: one vector, or one a region, float32 [d] each."""
    if when is None or sample.encoder is None:
        return [query]
    inside = np.ones(len(sample.lat), bool)
    if filter.area is not None:
        # its box is enough: the sample only tells what a moment does there (of an area across ±180°, all round)
        west, south, east, north = filter.area.bounds
        inside = (sample.lat >= south) & (sample.lat <= north) & (sample.lon >= west) & (sample.lon <= east)
    own = np.flatnonzero(inside)
    if filter.area is None or len(own) >= SAMPLE // 64:
        own = own[:: -(-len(own) // ASKED)] if len(own) else own
        lat, lon = sample.lat[own], sample.lon[own]
    else:  # too few of them lie there: as if all did
        own, middle = own[:0], filter.area.representative_point()
        lat, lon = np.array([middle.y]), np.array([middle.x])
    # a question is better fitted to many tiles, as if they lay there, than to the few that do
    others = np.flatnonzero(~inside) if len(own) else np.arange(sample.n)
    room = ASKED - len(own)
    others = others[:: -(-len(others) // room)] if room and len(others) else others[:0]
    vectors = sample.vectors[np.concatenate([own, others])]
    encoder = sample.encoder
    place, placed = encoder.place(lat, lon), np.isfinite(lat)
    z, used = encoder.features(place, placed, when=when)  # [n, h], [n]
    length, directions = np.linalg.norm(vectors, axis=1), encoder.directions(vectors)
    units, asked = vectors / length[:, None], []
    for region in _regions(encoder, place, z, query * length.mean()):
        there = z[region].mean(axis=0)
        # all of the sample, as if it lay there
        s = encoder.alike(vectors, directions, there) if used[region].any() else vectors
        norm = np.linalg.norm(s, axis=1)
        score = s @ query / norm
        # f, S' and O' of tiles that score like hits: the linear form has to hold there, not in the middle
        likely = score >= np.quantile(score, 1 - _TOP)
        pull = float(score[likely].mean() / norm[likely].mean())  # f/‖S'‖
        to_seen = query - pull * s[likely].mean(axis=0)
        first = encoder.back(there[None], to_seen)[0] + pull * vectors[likely].mean(axis=0)
        asked.append(_fitted(first, units, score))
    return asked


def _fitted(first: Floats, units: Floats, score: Floats) -> Floats:
    """The direction a, near the first, by which u·a follows the scores of the best tiles.

    By weighted ridge regression of what the first leaves: the scores bend, and it is only their tangent. Weights fall
    below the best `_TOP` by a factor e in `_REACH` standard deviations.

    Args:
        first: float32 [d].
        units: u, [n, d].
        score: [n].
    """
    best = np.argsort(-score, kind="stable")[:_FITTED]
    u, y = units[best], score[best]
    above = y - np.quantile(score, 1 - _TOP)
    weight = np.exp(np.minimum(above / max(_REACH * float(score.std()), _LEAST), 0))
    share = weight / weight.sum()
    u, y = u - share @ u, y - share @ y
    along = u @ first
    scale = max(0.0, float((weight * along) @ y) / max(float((weight * along) @ along), _LEAST))
    root = np.sqrt(weight)
    rows, left = root[:, None] * u, root * (y - scale * along)
    bend = rows.T @ np.linalg.solve(rows @ rows.T + _RIDGE * np.eye(len(rows), dtype=np.float32), left)
    found = np.asarray(scale * first + bend, np.float32)
    return found if np.linalg.norm(found) > _LEAST else first


def _regions(encoder: FieldEncoder, place: Floats, z: Floats, query: Floats) -> list[npt.NDArray[np.bool_]]:
    """Groups of tiles to which the moment does about the same, as masks [n].

    Args:
        encoder: The model's.
        place: Place columns, [n, p].
        z: Hidden features, [n, h].
        query: Of about the length that S has, [d].
    """
    kinds, kind = np.unique(place, axis=0, return_inverse=True)
    if len(kinds) <= REGIONS:  # far from the equator the encoding of seasons knows two kinds of places
        return [kind == i for i in range(len(kinds))]
    # what is added, and what it makes of the query: both linear in z, [h, d] or [h, 2 d]
    makes = encoder.weights.w2.T
    if encoder.rank:
        unit = np.eye(z.shape[1], dtype=np.float32)
        makes = np.concatenate([makes, encoder.back(unit, query) - query], axis=1)
    square, turn = np.linalg.eigh(makes @ makes.T)
    does = z @ (turn * np.sqrt(np.maximum(square, 0)))
    # the same everywhere: one question does
    if np.ptp(does, axis=0).max() < 1e-6:
        return [np.ones(len(does), bool)]
    # along a few axes they lie as far apart as in all d or 2 d: about the same groups, found much faster
    spread, axes = np.linalg.eigh(np.atleast_2d(np.cov(does, rowvar=False)))
    does = does @ axes[:, spread > _FLAT * spread[-1]]
    from scipy.cluster.vq import kmeans, vq  # takes half a second, and most searches need none

    # seeded: the same question, the same candidates
    centres, _ = kmeans(does, min(REGIONS, len(does)), iter=1, thresh=1e-3 * float(np.sqrt(spread[-1])), seed=0)
    label, _ = vq(does, centres)
    return [label == i for i in np.unique(label)]


def _microseconds(acquired: str | None) -> int:
    if acquired is None:
        return NO_DATE
    return round(datetime.fromisoformat(acquired).timestamp() * 1e6)  # a float of seconds has microseconds only nearly
