"""One contract for every index: Edge, qdrant-client in memory, a real server where there is one."""

import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from ingest.geo.geometry import Footprint, box, disc
from ingest.geo.outline import MAX_OUTLINES, MAX_VERTICES, Box, Ring, regions, widened
from ingest.index.connection import connect
from ingest.index.edge import EdgeIndex
from ingest.index.ownership import NewCollection
from ingest.index.protocol import Filter, Index, Points, point_id
from ingest.index.server import ServerIndex
from tests.services import PASSWORD, Qdrant, run_qdrant
from trainer.errors import AreaError, UsageError, VectorIndexError

DIM = 16
SIZE_M = 480.0
REACH_M = SIZE_M / 2 * 2**0.5
DAY0 = datetime(2020, 1, 1, 12, tzinfo=UTC)
WRITERS = ["edge", "memory", "server"]

Open = Callable[[Points], Index]


def make_tiles(places: list[tuple[float, float]], *, seed: int = 0, size_m: float = SIZE_M) -> Points:
    """Tiles at (lat, lon); every fifth has no date."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(places), DIM)).astype(np.float16)
    payloads: list[dict[str, Any]] = []
    for i, (lat, lon) in enumerate(places):
        payload: dict[str, Any] = {
            "tile_id": f"t{i:05d}",
            "location": {"lon": lon, "lat": lat},
            "size_m": size_m,
            "bbox": list(Footprint(lat=lat, lon=lon, size_m=size_m).bbox),
            "gsd_m": 0.5,
            "valid_fraction": 1.0,
            "origin": f"file-{i % 3}.tif",
            "norm": float(np.linalg.norm(vectors[i].astype(np.float32))),
        }
        if i % 5:
            payload["acquired_at"] = (DAY0 + timedelta(days=i)).isoformat()
        payloads.append(payload)
    return Points([payload["tile_id"] for payload in payloads], vectors, payloads)


def block(lat: float, lon: float, rows: int, columns: int) -> list[tuple[float, float]]:
    """Centres of a block of touching tiles, south-west first."""
    step = SIZE_M / 111_000
    across = step / np.cos(np.radians(lat))
    return [(lat + r * step, (lon + c * across + 180) % 360 - 180) for r in range(rows) for c in range(columns)]


def take(points: Points, rows: slice) -> Points:
    return Points(points.ids[rows], points.vectors[rows], points.payloads[rows])


@dataclass
class Backends:
    """Opens indexes and closes them at the end of a test."""

    folder: Path
    server: Qdrant
    opened: list[Index]
    clients: list[QdrantClient]

    def writer(self, kind: str, name: str = "tiles", dim: int = DIM) -> Index:
        index: Index
        if kind == "edge":
            index = EdgeIndex(self.folder / "edge" / name, name, dim)
        else:
            client = QdrantClient(":memory:") if kind == "memory" else connect(self.server.url, self.server.api_key)
            self.clients.append(client)
            unique = f"{name}-{uuid.uuid4().hex[:8]}" if kind == "server" else name
            index = ServerIndex(
                client, unique, dim, new=NewCollection("float32")
            )  # the order at the sixth digit is asked for
        self.opened.append(index)
        return index

    def filled(self, kind: str, points: Points) -> Index:
        index = self.writer(kind)
        index.upsert(points)
        return index


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qdrant]:
    """One server for all tests of this module; they take collections of their own."""
    yield from run_qdrant(tmp_path_factory.mktemp("qdrant"))


@pytest.fixture
def backends(tmp_path: Path, server: Qdrant) -> Iterator[Backends]:
    made = Backends(tmp_path, server, [], [])
    yield made
    for index in made.opened:
        if isinstance(index, ServerIndex):
            index.drop()
        index.close()
    for client in made.clients:
        client.close()


@pytest.fixture(params=["edge", "memory", "server"])
def open_filled(request: pytest.FixtureRequest, backends: Backends) -> Open:
    """Opens an index of each kind, filled."""
    return lambda points: backends.filled(request.param, points)


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, backends: Backends) -> Index:
    """An empty index of each kind that writes."""
    return backends.writer(request.param)


def truth(points: Points, query: np.ndarray, k: int, keep: Callable[[int], bool] = lambda _: True) -> list[str]:
    """The exact answer, by the definition."""
    vectors = points.vectors.astype(np.float64)
    cosines = np.round(vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query), 6)
    rows = [i for i in range(len(points.ids)) if keep(i)]
    return [points.ids[i] for i in sorted(rows, key=lambda i: (-cosines[i], points.ids[i]))[:k]]


def in_area(points: Points, area: Any) -> Callable[[int], bool]:
    def keep(i: int) -> bool:
        place, size_m = points.payloads[i]["location"], points.payloads[i]["size_m"]
        return bool(area.intersects(Footprint(lat=place["lat"], lon=place["lon"], size_m=size_m).polygon))

    return keep


def found(matches: list[Any]) -> list[str]:
    return [match.item_id for match in matches]


QUERY = np.random.default_rng(7).normal(size=DIM)


def test_hits_come_best_first_with_cosine_and_payload(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 12, 20))
    with open_filled(points) as index:
        hits = index.query(QUERY, 9)
        assert found(hits) == truth(points, QUERY, 9)
        best = points.ids.index(hits[0].item_id)
        vector = points.vectors[best].astype(np.float64)
        assert hits[0].score == pytest.approx(vector @ QUERY / np.linalg.norm(vector) / np.linalg.norm(QUERY), abs=2e-6)
        want = points.payloads[best]
        assert {key: hits[0].payload[key] for key in ("tile_id", "size_m", "origin", "gsd_m", "valid_fraction")} == {
            key: want[key] for key in ("tile_id", "size_m", "origin", "gsd_m", "valid_fraction")
        }
        assert hits[0].payload.get("acquired_at") == want.get("acquired_at")
        assert hits[0].payload["location"] == pytest.approx(want["location"])
        assert hits[0].payload["bbox"] == pytest.approx(want["bbox"])
        assert hits[0].payload["norm"] == pytest.approx(want["norm"], rel=1e-6)  # a cosine index keeps directions only


def test_k_beyond_the_count_gives_everything(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 3, 4))
    with open_filled(points) as index:
        assert found(index.query(QUERY, 500)) == truth(points, QUERY, 500)
        assert index.count() == 12


def test_equal_tiles_come_in_the_order_of_their_ids(open_filled: Open) -> None:
    points = make_tiles(block(0.1, 10.0, 10, 20))
    same = np.repeat(points.vectors[:1], len(points.ids), axis=0)
    same[150] = -same[150]
    with open_filled(replace(points, vectors=same)) as index:
        assert found(index.query(same[0], 5)) == points.ids[:5]
        assert found(index.query(same[0], 200))[-1] == points.ids[150]


@pytest.mark.parametrize("bad", [np.full(DIM, np.nan), np.zeros(DIM), np.ones(DIM + 1), np.ones((1, DIM))])
def test_a_query_without_direction_or_of_another_model_is_an_error(open_filled: Open, bad: np.ndarray) -> None:
    with open_filled(make_tiles([(1.0, 1.0)])) as index, pytest.raises(VectorIndexError, match="query"):
        index.query(bad, 1)


@pytest.mark.parametrize("k", [0, -3, 10_001])
def test_a_senseless_k_is_a_usage_error(open_filled: Open, k: int) -> None:
    with open_filled(make_tiles([(1.0, 1.0)])) as index, pytest.raises(UsageError, match=f"k = {k}"):
        index.query(QUERY, k)


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(box(85.53, 27.65, 85.57, 27.67), id="box"),
        pytest.param(disc(lat=27.66, lon=85.56, radius_m=1500), id="disc"),
        pytest.param(shapely.Polygon([(85.53, 27.64), (85.58, 27.66), (85.54, 27.68)]), id="triangle"),
        pytest.param(box(85.52, 27.64, 85.59, 27.68).difference(box(85.535, 27.65, 85.575, 27.67)), id="hole"),
        pytest.param(shapely.union(box(85.52, 27.64, 85.53, 27.65), box(85.57, 27.66, 85.58, 27.67)), id="two parts"),
        pytest.param(box(85.5441, 27.60, 85.5442, 27.75), id="thin, between centres"),
        pytest.param(shapely.Point(85.5521, 27.6602), id="point"),
        pytest.param(shapely.LineString([(85.50, 27.60), (85.60, 27.70)]), id="line"),
    ],
)
def test_an_area_gives_every_tile_that_it_touches_and_no_other(open_filled: Open, area: Any) -> None:
    points = make_tiles(block(27.63, 85.52, 15, 16))
    everything = truth(points, QUERY, 500, in_area(points, area))
    assert 0 < len(everything) < len(points.ids)
    where = Filter(area=area, reach_m=REACH_M)
    with open_filled(points) as index:
        assert found(index.query(QUERY, 500, where)) == everything
        assert found(index.query(QUERY, 3, where)) == everything[:3]
        assert index.count(where) == len(everything)


@pytest.mark.parametrize(
    ("lat", "lon", "area"),
    [
        pytest.param(-17.0, 179.97, box(179.985, -17.0, -179.99, -16.98), id="across the antimeridian"),
        pytest.param(-17.0, 179.97, box(170, -17.0, 180, -16.98), id="up to 180 east"),
        pytest.param(-17.0, 179.97, box(-180, -17.0, -179.999, -16.98), id="from 180 west"),
        pytest.param(-17.0, 179.97, box(-180, -90, 180, 90), id="the whole world"),
        pytest.param(-17.0, 179.97, disc(lat=-16.98, lon=180.0, radius_m=1500), id="disc on the antimeridian"),
        pytest.param(89.97, 10.0, disc(lat=89.99, lon=-170.0, radius_m=2500), id="disc over the north pole"),
        pytest.param(-89.99, 10.0, box(-180, -90, 180, -89.985), id="cap of the south pole"),
        pytest.param(0.0, -0.01, box(-0.001, -90, 0.001, 90), id="a meridian from pole to pole"),
    ],
)
def test_areas_on_the_edges_of_the_map_lose_nothing(open_filled: Open, lat: float, lon: float, area: Any) -> None:
    points = make_tiles(block(lat, lon, 6 if abs(lat) < 80 else 3, 14))
    want = truth(points, QUERY, 500, in_area(points, area))
    assert want
    with open_filled(points) as index:
        assert found(index.query(QUERY, 500, Filter(area=area, reach_m=REACH_M))) == want


def test_a_tile_on_the_antimeridian_and_one_on_the_pole_are_found(open_filled: Open) -> None:
    points = make_tiles([(10.0, 180.0), (20.0, -180.0), (90.0, 0.0), (-90.0, 0.0), (0.0, 0.0)])
    areas = [
        box(170, 5, 180, 15),
        box(-180, 15, -170, 25),
        box(-180, 80, 180, 90),
        box(-180, -90, 180, -80),
        box(-1, -1, 1, 1),
    ]
    with open_filled(points) as index:
        for tile, area in zip(points.ids, areas, strict=True):
            assert found(index.query(QUERY, 5, Filter(area=area, reach_m=REACH_M))) == [tile]


def test_an_outline_of_many_vertices_loses_nothing(open_filled: Open) -> None:
    turns = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    radius = 0.02 * (1 + 0.3 * np.sin(9 * turns) + 0.02 * np.sin(800 * turns))
    area = shapely.Polygon(np.column_stack([85.56 + radius * np.cos(turns), 27.66 + radius * np.sin(turns)]))
    points = make_tiles(block(27.63, 85.52, 15, 16))
    want = truth(points, QUERY, 500, in_area(points, area))
    with open_filled(points) as index:
        assert found(index.query(QUERY, 500, Filter(area=area, reach_m=REACH_M))) == want
    assert 20 < len(want) < 200


@pytest.mark.parametrize(
    "area", [None, box(85.5301, 27.64, 85.5702, 27.668), box(85.5441, 27.60, 85.5442, 27.75), box(0, 0, 1, 1)]
)
def test_candidates_of_several_vectors_come_once_and_touch_the_area(open_filled: Open, area: Any) -> None:
    points = make_tiles(block(27.63, 85.52, 15, 16))
    vectors = np.stack([QUERY, QUERY + 0.5, -QUERY])
    inside = [True] * len(points.ids) if area is None else list(map(in_area(points, area), range(len(points.ids))))
    with open_filled(points) as index:
        some = index.candidates(vectors, 12, Filter(area=area, reach_m=REACH_M))
        ids = [payload["tile_id"] for payload in some.payloads]
        assert len(set(ids)) == len(ids) == len(some.directions)
        assert all(inside[points.ids.index(item)] for item in ids)
        for vector in vectors:  # the best half at least, of those that are there
            assert set(truth(points, vector, 6, lambda i: inside[i])) <= set(ids)
        for item, payload, direction in zip(ids, some.payloads, some.directions, strict=True):
            own = points.vectors[points.ids.index(item)].astype(np.float64)
            np.testing.assert_allclose(direction, own / np.linalg.norm(own), atol=1e-6)
            assert payload["location"] and payload["size_m"] and "bbox" not in payload


def test_candidates_take_two_requests_and_ask_a_server_not_to_compress(server: Qdrant, monkeypatch: Any) -> None:
    points = make_tiles(block(27.63, 85.52, 8, 8))
    client = connect(server.url, server.api_key)
    with ServerIndex(client, f"tiles-{uuid.uuid4().hex[:8]}", DIM, closes_client=True) as index:
        index.upsert(points)
        sent = []
        send = httpx.HTTPTransport.handle_request
        monkeypatch.setattr(
            httpx.HTTPTransport, "handle_request", lambda self, request: (sent.append(request), send(self, request))[1]
        )
        index.candidates(np.stack([QUERY, -QUERY, QUERY + 1]), 20, Filter())
        assert [request.url.path.split("/")[-1] for request in sent] == ["batch", "points"]
        assert {request.headers["accept-encoding"] for request in sent} == {"identity"}
        assert b'"with_payload":false' in sent[0].read()
        monkeypatch.undo()
        index.drop()


def test_never_fewer_than_k_while_more_tiles_lie_in_the_area(open_filled: Open) -> None:
    """The widened area holds hundreds of better tiles that the thin true area does not touch."""
    points = make_tiles(block(27.60, 85.50, 20, 20))
    area = shapely.union_all([box(85.5001 + 0.012 * i, 27.59, 85.5002 + 0.012 * i, 27.70) for i in range(6)])
    inside = [in_area(points, area)(i) for i in range(len(points.ids))]
    vectors = points.vectors.astype(np.float32)
    vectors += np.where(np.array(inside), -3.0, 3.0)[:, None] * (QUERY / np.linalg.norm(QUERY)).astype(np.float32)
    points = replace(points, vectors=vectors.astype(np.float16))
    where = Filter(area=area, reach_m=REACH_M * 4)
    with open_filled(points) as index:
        assert found(index.query(QUERY, 20, where)) == truth(points, QUERY, 20, lambda i: inside[i])


def test_dates_are_inclusive_and_an_unknown_date_matches_none(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 8, 10))
    first, last = DAY0 + timedelta(days=11), DAY0 + timedelta(days=33)
    with open_filled(points) as index:
        for where, keep in (
            (Filter(acquired_from=first, acquired_to=last), lambda i: 11 <= i <= 33 and i % 5),
            (Filter(acquired_from=first), lambda i: i >= 11 and i % 5),
            (Filter(acquired_to=last), lambda i: i <= 33 and i % 5),
        ):
            want = truth(points, QUERY, 500, keep)
            assert found(index.query(QUERY, 500, where)) == want
            assert index.count(where) == len(want)


def test_area_and_dates_hold_together(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 8, 10))
    area = box(85.53, 27.64, 85.55, 27.65)
    where = Filter(area=area, reach_m=REACH_M, acquired_to=DAY0 + timedelta(days=40))
    want = truth(points, QUERY, 500, lambda i: bool(in_area(points, area)(i) and i <= 40 and i % 5))
    with open_filled(points) as index:
        assert found(index.query(QUERY, 500, where)) == want
        assert 0 < index.count(where) == len(want)


def test_an_empty_area_matches_nothing(open_filled: Open) -> None:
    with open_filled(make_tiles([(1.0, 1.0)])) as index:
        assert index.query(QUERY, 3, Filter(area=shapely.Polygon())) == []
        assert index.count(Filter(area=shapely.Polygon())) == 0


def test_vectors_come_back_as_unit_vectors_of_known_ids(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 10, 20))
    with open_filled(points) as index:
        back = index.vectors(["t00003", "t00150", "unknown"])
    assert sorted(back) == ["t00003", "t00150"]
    for item, row in (("t00003", 3), ("t00150", 150)):
        want = points.vectors[row].astype(np.float64)
        np.testing.assert_allclose(back[item], want / np.linalg.norm(want), atol=1e-6)


def test_ids_lists_every_item_once(open_filled: Open) -> None:
    points = make_tiles(block(27.63, 85.52, 10, 20))
    with open_filled(points) as index:
        assert index.ids() == set(points.ids)


def test_upserting_twice_changes_nothing_and_replaces_what_is_new(writer: Index) -> None:
    points = make_tiles(block(27.63, 85.52, 4, 5))
    writer.upsert(points)
    writer.upsert(points)
    assert writer.count() == 20
    newer = make_tiles(block(27.63, 85.52, 4, 5), seed=1)
    writer.upsert(take(newer, slice(0, 10)))
    mixed = replace(points, vectors=np.concatenate([newer.vectors[:10], points.vectors[10:]]))
    assert found(writer.query(QUERY, 20)) == truth(mixed, QUERY, 20)


def test_more_points_than_a_request_takes_all_arrive(writer: Index) -> None:
    points = make_tiles(block(10.0, 20.0, 10, 210))
    writer.upsert(points)
    assert writer.ids() == set(points.ids)
    assert found(writer.query(QUERY, 50)) == truth(points, QUERY, 50)


def test_deleting_removes_items_and_forgives_unknown_ids(writer: Index) -> None:
    points = make_tiles(block(27.63, 85.52, 4, 5))
    writer.upsert(points)
    writer.delete(["t00000", "t00007", "unknown"])
    assert writer.ids() == set(points.ids) - {"t00000", "t00007"}
    assert found(writer.query(QUERY, 20)) == truth(points, QUERY, 20, lambda i: i not in (0, 7))


def test_an_empty_upsert_and_an_empty_index_are_no_error(writer: Index) -> None:
    writer.upsert(Points([], np.zeros((0, DIM), np.float32), []))
    assert (writer.count(), writer.ids(), writer.query(QUERY, 3), writer.vectors(["t"])) == (0, set(), [], {})
    assert writer.query(QUERY, 3, Filter(area=box(0, 0, 1, 1), reach_m=REACH_M)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vectors": np.full((3, DIM), np.nan)}, "zero or not finite"),
        ({"vectors": np.array([[1.0] * DIM, [0.0] * DIM, [1.0] * DIM])}, "'t00001' is zero"),
        ({"vectors": np.ones((3, DIM + 1))}, "another model"),
        ({"ids": ["a"]}, "1 ids, 3 vectors"),
        ({"payloads": [{"tile_id": "a", "location": {"lat": 91.0, "lon": 0.0}}] * 3}, "not on the globe"),
        ({"payloads": [{"tile_id": "a"}] * 3}, "'t00000' names another item"),
        ({"payloads": [{"tile_id": "a", "location": {"lat": np.nan, "lon": 0.0}}] * 3}, "not on the globe"),
    ],
)
def test_points_that_could_not_be_found_again_are_refused_whole(
    writer: Index, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(VectorIndexError, match=words):
        writer.upsert(replace(make_tiles([(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]), **change))
    assert writer.count() == 0


def test_photos_without_a_place_are_found_by_text_and_never_by_area(writer: Index) -> None:
    photos = Points(
        ["lund.jpg", "nowhere.jpg"],
        np.eye(2, DIM, dtype=np.float32),
        [
            {"photo_id": "lund.jpg", "location": {"lat": 55.7, "lon": 13.19}, "licence": "CC0", "norm": 1.0},
            {"photo_id": "nowhere.jpg", "location": None, "taken_utc": None, "norm": 1.0},
        ],
    )
    writer.upsert(photos)
    assert found(writer.query(photos.vectors[1], 2)) == ["nowhere.jpg", "lund.jpg"]
    assert "location" not in writer.query(photos.vectors[1], 1)[0].payload
    assert found(writer.query(photos.vectors[1], 2, Filter(area=box(13, 55, 14, 56)))) == ["lund.jpg"]


def test_a_dropped_collection_starts_empty_again(tmp_path: Path) -> None:
    client = QdrantClient(":memory:")
    openers: list[Callable[[], Index]] = [
        lambda: EdgeIndex(tmp_path / "tiles", "tiles", DIM),
        lambda: ServerIndex(client, "tiles", DIM),
    ]
    for reopen in openers:
        index = reopen()
        index.upsert(make_tiles([(1.0, 1.0)]))
        index.drop()
        with reopen() as again:
            assert again.count() == 0
    client.close()


def test_a_server_collection_of_another_dimension_is_refused() -> None:
    client = QdrantClient(":memory:")
    ServerIndex(client, "tiles", DIM)
    with pytest.raises(VectorIndexError, match=f"{DIM} values.*asked for were vectors 'overhead' of 512"):
        ServerIndex(client, "tiles", 512)
    client.close()


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(VectorIndexError, match=r"no Qdrant server answers at http://127\.0\.0\.1:9 ") as caught:
        connect("http://user:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


def test_point_ids_differ_by_collection_and_stay_the_same() -> None:
    assert point_id("a", "b/c") != point_id("a/b", "c")
    assert point_id("tiles", "t1") == point_id("tiles", "t1") == str(uuid.UUID(point_id("tiles", "t1")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Filter(acquired_from=datetime(2020, 1, 1)),
        lambda: Filter(acquired_from=DAY0, acquired_to=DAY0 - timedelta(days=1)),
        lambda: Filter(area=shapely.box(170, 0, 190, 1)),
        lambda: Filter(area=shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])),
        lambda: Filter(reach_m=float("nan")),
    ],
)
def test_a_filter_that_cannot_be_understood_is_an_error(make: Callable[[], Filter]) -> None:
    with pytest.raises(AreaError):
        make()


def test_outlines_are_few_and_short_and_hold_the_area() -> None:
    rng = np.random.default_rng(3)
    spots = shapely.union_all([shapely.Point(x, y).buffer(0.05, 200) for x, y in rng.uniform(-60, 60, (300, 2))])
    assert len(regions(spots, 300)) <= MAX_OUTLINES
    assert widened(spots, 300).covers(spots)
    coast = shapely.Polygon(
        [
            (r * np.cos(t), r * np.sin(t))
            for t, r in zip(np.linspace(0, 6.28, 3000), rng.uniform(4, 5, 3000), strict=True)
        ]
    )
    assert widened(coast.buffer(0), 300).covers(coast.buffer(0))
    comb = shapely.Polygon([(0, 0), (4, 4), (4, 3.9), (0.1, 0)])
    (ring,) = regions(comb, 300)
    assert isinstance(ring, Ring)
    assert len(ring.corners) < 4 * MAX_VERTICES
    assert all(isinstance(region, Box) for region in regions(box(179, -10, -179, 10), 300))


# -- a server alone --------------------------------------------------------------------------------------------------


@pytest.fixture
def client(server: Qdrant) -> Iterator[QdrantClient]:
    opened = connect(server.url, server.api_key)
    yield opened
    opened.close()


def test_a_filter_on_a_field_without_an_index_is_an_error_of_the_server(client: QdrantClient) -> None:
    with ServerIndex(client, f"strict-{uuid.uuid4().hex[:8]}", DIM) as index:
        index.upsert(make_tiles([(1.0, 1.0)]))
        unindexed = models.FieldCondition(key="origin", match=models.MatchValue(value="file-0.tif"))
        with pytest.raises(UnexpectedResponse, match=r"[Ii]ndex required"):
            client.query_points(
                index.name, QUERY.tolist(), using="overhead", query_filter=models.Filter(must=[unindexed])
            )
        index.drop()


@pytest.mark.parametrize("int8_above", [1_000_000, 1_500])
def test_a_server_of_half_precision_and_of_int8_finds_what_is_best(client: QdrantClient, int8_above: int) -> None:
    points = make_tiles(block(10.0, 10.0, 40, 50))
    with ServerIndex(client, f"small-{uuid.uuid4().hex[:8]}", DIM, int8_above=int8_above) as index:
        index.upsert(points)
        config = client.get_collection(index.name).config
        assert config.params.vectors["overhead"].datatype == models.Datatype.FLOAT16
        assert (config.quantization_config is not None) == (int8_above == 1_500)
        hits = index.query(QUERY, 9)
        assert len(set(found(hits)) & set(truth(points, QUERY, 9))) >= 8
        exact = {points.ids[i]: float(v @ QUERY) for i, v in enumerate(unit(points.vectors))}
        length = float(np.linalg.norm(QUERY))
        assert [hit.score for hit in hits] == pytest.approx([exact[hit.item_id] / length for hit in hits], abs=5e-4)
        area = box(10.0, 10.0, 10.1, 10.1)
        assert index.count(Filter(area=area, reach_m=REACH_M)) == sum(in_area(points, area)(i) for i in range(2000))
        again = ServerIndex(client, index.name, DIM, int8_above=int8_above)
        assert found(again.query(QUERY, 9)) == found(hits)
        index.drop()


def unit(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def test_a_server_that_restarts_in_the_middle_is_met_again(tmp_path: Path) -> None:
    for server in run_qdrant(tmp_path):
        if not server.command:
            pytest.skip("a real server is not killed")
        client = connect(server.url, server.api_key)
        index = ServerIndex(client, "kept", DIM)
        index.upsert(make_tiles([(1.0, 1.0)]))
        server.kill()
        back = threading.Timer(0.7, server.start)
        back.start()
        assert index.count() == 1
        back.join()
        index.upsert(make_tiles([(1.0, 1.0), (2.0, 2.0)]))
        assert index.count() == 2
        server.kill()
        with pytest.raises(VectorIndexError, match=r"index 'kept' on the Qdrant server failed \(.*refused"):
            index.count()
        with pytest.raises(VectorIndexError, match="no Qdrant server answers at") as caught:
            connect(server.url, server.api_key)
        assert PASSWORD not in "".join(traceback.format_exception(caught.value)) + repr(index)
        client.close()
