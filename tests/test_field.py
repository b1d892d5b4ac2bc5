"""The field against the formula written out in float64, on parts of real archives."""

import hashlib
import json
import logging
import resource
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from ingest.archive.parts import Archive
from ingest.field.dot_products import dot_products
from ingest.field.scorer import NO_DATE, ExactScorer, FieldEncoder, open_scorer
from ingest.geo.geometry import Footprint, box, disc
from ingest.index.protocol import Filter, touching
from trainer.encoder import EncoderWeights, InteractionWeights
from trainer.encoding import DIMENSIONS, MonthHour, encode
from trainer.errors import ArchiveError, ModelMismatchError, UsageError, VectorIndexError

DIM, HIDDEN = 32, 16
NOON = datetime(2025, 7, 14, 12)
MOMENTS = [datetime(2025, 7, 14, 18, 45), date(2025, 1, 3), time(6, 30), None, NOON]
META = {"collection": "c", "model_id": "m"}
ROOT = Path(__file__).resolve().parents[1]


def encoder(encoding="cyclic", dim=DIM, hidden=HIDDEN, seed=0, scale=0.7, activation="relu", interaction=None, rank=6):
    rng = np.random.default_rng(seed)
    shapes = {"w1": (hidden, DIMENSIONS[encoding]), "b1": (hidden,), "w2": (dim, hidden), "b2": (dim,)}
    arrays = {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    met = None if interaction is None else meeting(interaction, dim, hidden, rank, rng)
    return FieldEncoder(encoding, EncoderWeights(**arrays, activation=activation, interaction=met))


def meeting(interaction, dim, hidden, rank, rng):
    """How the moment meets the tile, of random weights."""
    b, c = (np.linalg.qr(rng.normal(size=(dim, rank)))[0].astype(np.float32) for _ in range(2))
    mean = rng.normal(0, 1, dim).astype(np.float32)
    shape = (hidden, rank) if interaction == "diagonal" else (hidden, rank, rank)
    weights = (rng.normal(size=shape) / hidden).astype(np.float32)
    return InteractionWeights(b, c if interaction == "untied" else b, mean, weights)


def tile(item, lat, lon, acquired=None, size_m=480.0):
    blank = {"gsd_m": 0.6, "valid_fraction": 1.0, "origin": "a.tif"}
    return {"tile_id": item, "lat": lat, "lon": lon, "size_m": size_m, "acquired_at": acquired, **blank}


def tiles(first, count, *, lat=27.6, lon=85.5):
    dates = [datetime(2020, 1 + i % 12, 1, tzinfo=UTC) if i % 3 else None for i in range(first, first + count)]
    return [
        tile(f"t{i:05d}", lat + (i // 20) * 0.004, lon + (i % 20) * 0.005, taken)
        for i, taken in zip(range(first, first + count), dates, strict=True)
    ]


def photo(item, lat, lon, taken=None):
    blank = {"taken_local": None, "path": None, "url": None, "owner": None, "licence": None, "heading_deg": None}
    return {"photo_id": item, "lat": lat, "lon": lon, "taken_utc": taken, **blank}


def vectors(count, dim=DIM, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (count, dim)).astype(np.float32)


def direct(o, e, when, lat, lon, query):
    """cos(S, q) in float64, from the definitions."""
    o = o.astype(np.float64)
    if when is not None:
        w = e.weights
        known = np.isfinite(lat)
        masks = (known, np.ones_like(known), np.ones_like(known))
        encoded = encode(e.encoding, lat=np.nan_to_num(lat), lon=np.nan_to_num(lon), when=when, known=masks)
        z = encoded.values.astype(np.float64) @ w.w1.T + w.b1
        z = z if w.activation == "linear" else np.maximum(z, 0)
        added = z @ w.w2.T + w.b2
        if (met := w.interaction) is not None:
            m = np.tensordot(z, met.weights.astype(np.float64), 1)  # [n, r, r]: z, out, in
            g = (o - met.mean) @ met.basis.astype(np.float64)
            turned = m * g if met.diagonal else np.einsum("noi,ni->no", m, g)
            added += turned @ met.out_basis.T
        o = o + np.where(encoded.usable[:, None], added, 0)
    return o @ (query / np.linalg.norm(query)) / np.linalg.norm(o, axis=1)


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path / "archive", "tiles")
    for part in range(3):
        made.write(f"j-{part:06d}", tiles(part * 100, 100), vectors(100, seed=part), META)
    return made


def opened(tmp_path, archive, e=None, **options) -> ExactScorer:
    return open_scorer(tmp_path / "field", archive, **{"model_id": "m", "encoder": e} | options)


def every(field):
    return np.arange(field.n)


def assert_exact(field, e, query, whens):
    """Every way of asking gives what the definition says of the stored vectors."""
    o = field.vectors(every(field))
    frames = field.frames(query, whens)
    some = every(field)[::2][:200]
    frames_of_few = field.frames(query, whens * 9, rows=some)  # few tiles at many moments go another way
    many = np.concatenate([query[None], vectors(20, len(query), seed=5)])
    for t, when in enumerate(whens):
        expected = direct(o, e, when, field.lat, field.lon, query)
        np.testing.assert_allclose(field.cosines(query, when=when), expected, atol=2e-6)
        np.testing.assert_allclose(frames[t], expected, atol=2e-6)
        np.testing.assert_allclose(frames_of_few[len(whens) + t], expected[some], atol=2e-6)
        for b in (1, 3, 21):
            np.testing.assert_allclose(field.products(many[:b], when=when)[0], expected, atol=2e-6)
        s = field.predicted(every(field), when=when)
        np.testing.assert_allclose(s @ query / np.linalg.norm(s, axis=1) / np.linalg.norm(query), expected, atol=2e-6)
        for rows, there in ((None, expected), (some, expected[some])):
            assert_best(field, query, when, rows, there)


def assert_best(field, query, when, rows, expected):
    """The best, the text known and not, in blocks of many and as few as they are, are those of the definition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.field.scorer._LARGE", 1)
        some = 1 + len(expected) // 15  # rows to a block, so that there are several
        for count, block in ((1, some), (5, 7_680), (len(expected) + 3, some)):
            patch.setattr("ingest.field.scorer.BLOCK", block)
            least = np.sort(expected)[-min(count, len(expected))]
            for known in (True, False):
                if not known:
                    field._kept.clear()
                found = field.best(query, count, when=when, rows=rows)
                told = ~np.isneginf(found)
                np.testing.assert_allclose(found[told], expected[told], atol=2e-6)
                assert told[expected >= least - 1e-6].all()
            field.cosines(query)


# scores


@pytest.mark.parametrize("encoding", sorted(DIMENSIONS))
def test_every_cosine_at_every_moment_is_that_of_the_definition(tmp_path, archive, encoding):
    e = encoder(encoding)
    assert_exact(opened(tmp_path, archive, e), e, vectors(1, seed=9)[0], MOMENTS)


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("interaction", [None, "diagonal", "full", "untied"])
@pytest.mark.parametrize("encoding", sorted(DIMENSIONS))
def test_where_the_moment_meets_the_tile_it_is_that_of_the_definition_too(tmp_path, encoding, interaction, activation):
    """Among neighbours, north, south and near the equator, and where the place is unknown."""
    archive = Archive(tmp_path / "archive", "tiles")
    for part, lat in enumerate((48.0, -33.9, 1.2, 19.5, 90.0, -90.0)):
        tiles_there = [tile(f"t{part}-{i}", float(np.clip(lat + i * 0.004, -90, 90)), 10 + i * 0.01) for i in range(40)]
        archive.write(f"j-{part}", tiles_there, vectors(40, seed=part), META)
    e = encoder(encoding, activation=activation, interaction=interaction, scale=0.3)
    assert_exact(opened(tmp_path, archive, e), e, vectors(1, seed=9)[0], MOMENTS)
    gallery = Archive(tmp_path / "photos", "gallery")
    gallery.write("a", [photo("p1", None, None), photo("p2", 55.7, 13.2)], vectors(2), META)
    field = open_scorer(tmp_path / "gallery", gallery, model_id="m", encoder=e)
    assert_exact(field, e, vectors(1, seed=9)[0], MOMENTS)


@pytest.mark.parametrize("seed", range(12))
def test_any_form_of_any_size_is_exact(tmp_path, seed):
    rng = np.random.default_rng(seed)
    dim, hidden, n = (int(rng.integers(low, high)) for low, high in ((3, 70), (1, 40), (1, 1_500)))
    form = {"activation": rng.choice(["relu", "linear"]), "interaction": rng.choice(["diagonal", "full", "untied"])}
    encoding = rng.choice(sorted(DIMENSIONS))
    e = encoder(encoding, dim, hidden, seed, 0.3, **form, rank=int(rng.integers(1, dim + 1)))
    spread = rng.choice([0.01, 20.0])
    lats = np.clip(rng.uniform(-70, 70) + spread * rng.uniform(-1, 1, n), -90, 90).tolist()
    archive = Archive(tmp_path / "archive", "tiles")
    where = zip(lats, rng.uniform(-180, 180, n).tolist(), strict=True)
    archive.write("a", [tile(f"t{i}", *at) for i, at in enumerate(where)], vectors(n, dim, seed), META)
    assert_exact(opened(tmp_path, archive, e), e, vectors(1, dim, seed=99)[0], MOMENTS)


@pytest.mark.parametrize("n", [480, 1_201])
@pytest.mark.parametrize("interaction", ["diagonal", "full"])
def test_where_one_moment_serves_all_tiles_more_of_them_than_are_multiplied_at_once_are_exact(tmp_path, interaction, n):
    """With the seasons' encoding, farther than 28° from the equator."""
    e = encoder("seasonal", interaction=interaction, scale=0.3)
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("a", [tile(f"t{i}", 45 + i / n, 7) for i in range(n)], vectors(n), META)
    assert_exact(opened(tmp_path, archive, e), e, vectors(1, seed=99)[0], MOMENTS)


@pytest.mark.parametrize("interaction", [None, "diagonal", "full", "untied"])
def test_the_moment_moves_into_the_query(interaction):
    """At one place S·q is O·q' and a constant."""
    e, o, query = encoder("seasonal", interaction=interaction, scale=0.3), vectors(30), vectors(1, seed=9)[0]
    place, placed = np.repeat(e.place(np.array([15.0]), np.array([3.0])), 30, axis=0), np.ones(30, bool)
    z, used = e.features(place, placed, when=NOON)
    assert used.all()
    rest = e.at(o, place, placed, when=NOON) @ query - o @ e.back(z[:1], query)[0]
    np.testing.assert_allclose(rest, rest.mean(), atol=1e-3)
    assert (np.ptp(o @ (e.back(z[:1], query)[0] - query)) > 1) == (interaction is not None)


@pytest.mark.parametrize("interaction", [None, "diagonal", "full", "untied"])
def test_what_is_kept_of_a_tile_is_what_any_moment_adds_along_it(interaction):
    """More tiles than are worked on at once."""
    e, o = encoder("seasonal", interaction=interaction, scale=0.3), vectors(600)
    place, placed = e.place(np.linspace(-60, 60, 600), np.zeros(600)), np.ones(600, bool)
    z, _ = e.features(place, placed, when=NOON)
    added = e.at(o, place, placed, when=NOON).astype(np.float64) - o - e.weights.b2
    np.testing.assert_allclose(np.vecdot(e.factors(o)[0], z), np.vecdot(o, added), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("interaction", [None, "full"])
def test_a_moment_may_leave_the_weekday_open(tmp_path, archive, interaction):
    e = encoder("seasonal", activation="linear", interaction=interaction, scale=0.3)
    field, query = opened(tmp_path, archive, e), vectors(1, seed=9)[0]
    month = MonthHour.of(NOON.year, NOON.month, NOON.hour)
    expected = direct(field.vectors(every(field)), e, month, field.lat, field.lon, query)
    told = field.cosines(query, when=datetime.combine(month, month.time()))
    assert np.abs(told - expected).max() > 1e-3
    for found in (
        field.cosines(query, when=month),
        field.frames(query, [month])[0],
        field.products(query[None], when=month)[0],
    ):
        np.testing.assert_allclose(found, expected, atol=2e-6)
    s = field.predicted(every(field), when=month)
    np.testing.assert_allclose(s @ query / np.linalg.norm(s, axis=1) / np.linalg.norm(query), expected, atol=2e-6)


@pytest.mark.parametrize("encoding", sorted(DIMENSIONS))
def test_tiles_from_all_over_the_world_are_as_exact_as_neighbours(tmp_path, encoding):
    """Hidden units then switch on and off within a block; 9,000 tiles are two of them, worked on by two threads."""
    rng, n = np.random.default_rng(1), 9_000
    lats, lons = rng.choice(np.linspace(-90, 90, 41), n).tolist(), rng.uniform(-180, 180, n).tolist()
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("a", [tile(f"t{i}", *at) for i, at in enumerate(zip(lats, lons, strict=True))], vectors(n), META)
    e = encoder(encoding, scale=1.5)
    assert_exact(opened(tmp_path, archive, e, threads=2), e, vectors(1, seed=9)[0], [*MOMENTS, *MOMENTS])


def test_a_photo_without_a_place_gets_what_the_encoding_makes_of_the_hour_alone(tmp_path):
    gallery = Archive(tmp_path / "archive", "gallery")
    taken = datetime(2020, 5, 1, tzinfo=UTC)
    photos = [photo("p1", None, None), photo("p2", 55.7, 13.2, taken), photo("p3", None, None, taken)]
    gallery.write("a", photos, vectors(3), META)
    for encoding in DIMENSIONS:
        e = encoder(encoding)
        field = opened(tmp_path, gallery, e)
        assert_exact(field, e, vectors(1, seed=9)[0], MOMENTS)
    assert field.kind == "gallery" and field.ids() == ["p2", "p1", "p3"]
    assert np.isnan(field.lat).tolist() == np.isnan(field.lon).tolist() == [False, True, True]
    assert field.size_m.tolist() == [0, 0, 0]
    assert field.acquired_us.tolist() == [taken.timestamp() * 1e6, NO_DATE, taken.timestamp() * 1e6]
    assert field.rows(Filter(area=box(-180, -90, 180, 90))).tolist() == [0]
    assert field.rows(Filter(acquired_from=taken)).tolist() == [0, 2]


def test_what_float16_loses_is_below_a_thousandth_and_the_best_stay_the_best(tmp_path):
    """Against float64 on the vectors before they were stored."""
    n, dim = 3_000, 256
    rng = np.random.default_rng(3)
    exact = (rng.normal(size=(12, dim))[rng.integers(12, size=n)] + 0.7 * rng.normal(size=(n, dim))).astype(np.float32)
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("a", tiles(0, n), exact, META)
    e = encoder(dim=dim, hidden=64, scale=0.1)
    field = opened(tmp_path, archive, e)
    from_archive = np.array([int(item[1:]) for item in field.ids()])
    for query in vectors(5, dim, seed=4):
        for when in (None, NOON):
            expected = direct(exact[from_archive], e, when, field.lat, field.lon, query)
            found = field.cosines(query, when=when)
            assert np.abs(found - expected).max() <= 1e-3
            best = [set(np.argsort(-scores)[:100].tolist()) for scores in (found, expected)]
            assert len(best[0] & best[1]) >= 99


def test_most_of_what_cannot_be_among_the_best_is_not_worked_out(tmp_path, archive, monkeypatch):
    monkeypatch.setattr("ingest.field.scorer._LARGE", 1)
    monkeypatch.setattr("ingest.field.scorer.BLOCK", 20)
    linear = {"activation": "linear", "scale": 0.05}
    for e in (encoder("seasonal", interaction="full", **linear), encoder("seasonal", **linear)):
        field = opened(tmp_path, archive, e, threads=1)
        for when in (None, NOON):
            assert np.isfinite(field.best(vectors(1, seed=9)[0], 2, when=when)).sum() < field.n / 2


def test_some_rows_score_as_they_do_among_all(tmp_path, archive):
    field = opened(tmp_path, archive, encoder())
    query = vectors(1, seed=9)[0]
    for rows in (np.array([7, 3, 299]), np.arange(10, 250), np.empty(0, np.int64)):
        few = field.cosines(query, when=NOON, rows=rows)
        assert few.shape == rows.shape
        again = field.cosines(query, when=NOON, rows=rows)
        everything = field.cosines(query, when=NOON)[rows]
        np.testing.assert_allclose(few, everything, atol=1e-6)
        np.testing.assert_allclose(again, everything, atol=1e-6)
        assert field.frames(query, MOMENTS, rows=rows).shape == (5, len(rows))
        assert field.products(query[None], rows=rows).shape == (1, len(rows))


def test_the_vectors_are_read_once_for_a_query_about_most_rows(tmp_path, archive, monkeypatch):
    field = opened(tmp_path, archive, encoder())
    read: list[int] = []

    def counted(queries, stored, rows, out):
        read.append(out.shape[1])
        dot_products(queries, stored, rows, out)

    monkeypatch.setattr("ingest.field.scorer.dot_products", counted)
    for query in vectors(20, seed=9):
        read.clear()
        for when in (None, NOON):
            field.cosines(query, when=when, rows=np.arange(10, 250))
        field.frames(query, MOMENTS)
        assert sum(read) == field.n
    few = np.arange(9)
    field.cosines(vectors(1, seed=8)[0], rows=few)
    assert sum(read) == field.n + len(few)


def test_the_length_of_a_query_plays_no_part(tmp_path, archive):
    field = opened(tmp_path, archive, encoder())
    query = vectors(1, seed=9)[0]
    for factor in (1e-20, 1e10):
        np.testing.assert_allclose(field.cosines(query * np.float32(factor)), field.cosines(query), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_query_without_a_direction_is_refused(tmp_path, archive, value):
    with pytest.raises(VectorIndexError, match="no direction"):
        opened(tmp_path, archive).cosines(np.full(DIM, value, np.float32))


def test_a_query_of_another_width_is_refused(tmp_path, archive):
    with pytest.raises(VectorIndexError, match=r"vectors of 32 values.*\(33,\)"):
        opened(tmp_path, archive).cosines(np.ones(33, np.float32))


def test_a_moment_for_a_model_without_time_is_refused(tmp_path, archive):
    field = opened(tmp_path, archive)
    for ask in (field.cosines, field.frames, field.predicted):
        given = {"rows": every(field), "when": NOON} if ask == field.predicted else {}
        arguments = () if given else (np.ones(DIM), [NOON])
        with pytest.raises(UsageError, match="leave the moment out"):
            ask(*arguments, **given) if ask != field.cosines else ask(np.ones(DIM), when=NOON)


def test_several_threads_may_ask_at_once(tmp_path):
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("a", tiles(0, 9_000), vectors(9_000), META)
    field = opened(tmp_path, archive, encoder(), threads=2)
    queries = vectors(8, seed=9)
    expected = [opened(tmp_path, archive, encoder(), threads=1).cosines(query, when=NOON) for query in queries]
    found = {}

    def ask(i):
        found[i] = field.cosines(queries[i], when=NOON)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(queries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, scores in enumerate(expected):
        np.testing.assert_allclose(found[i], scores, atol=1e-6)


# rows


def test_rows_are_the_archives_items_with_their_vectors(tmp_path, archive):
    field = opened(tmp_path, archive)
    assert (field.n, field.dim, field.kind) == (300, DIM, "tiles")
    assert sorted(field.ids()) == [f"t{i:05d}" for i in range(300)]
    for item in ("t00000", "t00123", "t00299"):
        record, vector = archive.find(item)
        row = field.row(item)
        assert field.ids(np.array([row])) == [item] == [field.ids()[row]]
        assert (field.lat[row], field.lon[row]) == (record["lat"], record["lon"])
        acquired = record["acquired_at"]
        assert field.acquired_us[row] == (NO_DATE if acquired is None else acquired.timestamp() * 1e6)
        np.testing.assert_array_equal(field.vectors(np.array([row]))[0], vector)
    assert field.row("nowhere") is None and field.row("") is None


def test_columns_cannot_be_written_by_who_reads_them(tmp_path, archive):
    field = opened(tmp_path, archive)
    with pytest.raises(ValueError, match="read-only"):
        field.lat[0] = 0


AREAS = {
    "a box": box(85.52, 27.61, 85.55, 27.63),
    "a disc": disc(lat=27.62, lon=85.53, radius_m=1500),
    "a line": shapely.LineString([(85.4, 27.5), (85.7, 27.8)]),
    "a point": shapely.Point(85.53, 27.62),
    "two boxes": shapely.MultiPolygon([box(85.5, 27.6, 85.51, 27.61), box(85.56, 27.62, 85.57, 27.63)]),
    "a box with a hole": box(85.5, 27.6, 85.6, 27.66) - box(85.52, 27.61, 85.58, 27.65),
    "elsewhere": box(10, 10, 11, 11),
    "across the antimeridian": box(179.99, -1, -179.99, 1),
    "over a pole": disc(lat=90, lon=0, radius_m=30_000),
    "the world": box(-180, -90, 180, 90),
    "nothing": shapely.Polygon(),
}


@pytest.mark.parametrize("name", AREAS)
def test_rows_of_an_area_are_the_tiles_whose_footprint_touches_it(tmp_path, archive, name):
    """Tested one by one, with tiles at the antimeridian and around a pole among them."""
    seam = [tile(f"s{i}", 0.003 * i, 179.98 + 0.003 * i) for i in range(12)]
    seam = [{**t, "lon": (t["lon"] + 180) % 360 - 180} for t in seam]
    pole = [tile(f"p{i}", 89.7 + 0.015 * i, 40.0 * i % 360 - 180, size_m=900.0) for i in range(20)]
    archive.write("k-0", seam + pole, vectors(32, seed=7), META)
    field, area = opened(tmp_path, archive), AREAS[name]
    shapes = [
        Footprint(lat=a, lon=o, size_m=s).polygon for a, o, s in zip(field.lat, field.lon, field.size_m, strict=True)
    ]
    expected = [i for i, shape in enumerate(shapes) if area.intersects(shape)]
    assert field.rows(Filter(area=area, reach_m=900 / 2**0.5)).tolist() == expected
    assert (name in ("elsewhere", "nothing")) == (expected == [])


@pytest.mark.parametrize("name", ["a wide box", "a wide disc", "the world"])
def test_rows_of_a_wide_area_are_those_that_the_test_of_each_footprint_finds(tmp_path, name):
    """Most blocks of rows then lie inside as a whole."""
    archive = Archive(tmp_path / "archive", "tiles")
    archive.write("a", tiles(0, 5_000), vectors(5_000), META)
    field = opened(tmp_path, archive)
    areas = {"a wide box": box(85.52, 27.7, 86, 28.5), "a wide disc": disc(lat=28.1, lon=85.55, radius_m=40_000)}
    area = (AREAS | areas)[name]
    expected = np.flatnonzero(touching(area, field.lat, field.lon, field.size_m.astype(float)))
    assert field.rows(Filter(area=area, reach_m=340)).tolist() == expected.tolist()
    assert 1_000 < len(expected) <= 5_000


def test_rows_of_dates_are_those_within_them(tmp_path, archive):
    field = opened(tmp_path, archive)
    assert field.rows(None) is None and field.rows(Filter()) is None
    day = datetime(2020, 5, 1, tzinfo=UTC)
    expected = {t["tile_id"] for t in tiles(0, 300) if t["acquired_at"] == day}
    assert set(field.ids(field.rows(Filter(acquired_from=day, acquired_to=day)))) == expected
    both = field.rows(Filter(area=AREAS["a box"], reach_m=340, acquired_from=day))
    apart = set(field.rows(Filter(area=AREAS["a box"], reach_m=340))) & set(field.rows(Filter(acquired_from=day)))
    assert set(both) == apart != set()


# parts


def test_new_parts_come_in_and_the_old_rows_stay_where_they_are(tmp_path, archive):
    before = opened(tmp_path, archive, encoder())
    archive.write("k-000000", tiles(300, 50), vectors(50, seed=8), META)
    after = opened(tmp_path, archive, encoder())
    assert after.n == 350 and after.ids()[:300] == before.ids()
    query = vectors(1, seed=9)[0]
    assert_exact(after, encoder(), query, [NOON])
    np.testing.assert_allclose(before.cosines(query, when=NOON), after.cosines(query, when=NOON)[:300], atol=1e-6)
    assert after.row("t00349") is not None and after.row("t00000") == before.row("t00000")


def test_opening_again_changes_nothing(tmp_path, archive):
    opened(tmp_path, archive)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "field").rglob("*") if path.name != "field.lock"}
    opened(tmp_path, archive)
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_part_removed_is_gone_and_one_replaced_is_read_again(tmp_path, archive):
    old = opened(tmp_path, archive)
    kept = old.cosines(vectors(1)[0])
    archive.path("j-000001").unlink()
    archive.write("j-000002", tiles(200, 90), vectors(90, seed=77), META)
    new = opened(tmp_path, archive)
    assert sorted(new.ids()) == [t["tile_id"] for t in tiles(0, 100) + tiles(200, 90)]
    np.testing.assert_allclose(new.vectors([new.row("t00200")])[0], vectors(90, seed=77)[0], rtol=1e-3)
    np.testing.assert_array_equal(old.cosines(vectors(1)[0]), kept)  # who reads the old one keeps it
    assert len(list((tmp_path / "field").glob("g*"))) == 1


@pytest.mark.parametrize("opened_between", [False, True])
def test_of_equal_ids_the_last_part_by_name_has_it(tmp_path, archive, opened_between):
    if opened_between:
        opened(tmp_path, archive)
    archive.write("a-000000", tiles(5, 1), vectors(1, seed=50), META)
    archive.write("k-000000", tiles(7, 1) + tiles(7, 1), vectors(2, seed=51), META)
    field = opened(tmp_path, archive)
    assert field.n == 300
    stored = field.vectors(np.array([field.row("t00005"), field.row("t00007")]))
    np.testing.assert_allclose(stored[0], vectors(100, seed=0)[5], rtol=2e-3)
    np.testing.assert_allclose(stored[1], vectors(2, seed=51)[1], rtol=2e-3)


def test_many_small_additions_are_merged_and_every_id_is_found(tmp_path):
    archive = Archive(tmp_path / "archive", "tiles")
    for part in range(40):
        archive.write(f"j-{part:06d}", tiles(part * 5, 5), vectors(5, seed=part), META)
        field = opened(tmp_path, archive)
    assert sorted(field.row(f"t{i:05d}") for i in range(200)) == list(range(200))
    runs = json.loads((tmp_path / "field" / "field.json").read_text())["runs"]
    assert len(runs) < 30


def test_an_empty_collection_has_no_rows_and_answers_so(tmp_path):
    archive = Archive(tmp_path / "archive", "tiles")
    for _ in range(2):
        field = opened(tmp_path, archive, encoder())
        assert (field.n, field.ids(), field.row("t")) == (0, [], None)
        assert field.cosines(np.ones(DIM), when=NOON).shape == (0,)
        assert field.frames(np.ones(DIM), MOMENTS).shape == (5, 0)
        assert field.rows(Filter(area=AREAS["the world"])).shape == (0,)
        archive.write("j-000000", [], vectors(0), META)
    archive.write("j-000001", tiles(0, 3), vectors(3), META)
    assert opened(tmp_path, archive, encoder()).n == 3


def test_vectors_without_a_direction_are_left_out_and_counted(tmp_path, caplog):
    archive = Archive(tmp_path / "archive", "tiles")
    broken = vectors(6)
    broken[1], broken[2, 0], broken[3, 0] = 0, np.nan, 1e6  # 1e6 is infinite as float16
    with np.errstate(over="ignore"):
        archive.write("a", tiles(0, 6), broken, META)
    field = opened(tmp_path, archive, encoder())
    assert sorted(field.ids()) == ["t00000", "t00004", "t00005"]
    assert "3 items are left out" in caplog.text
    assert np.isfinite(field.cosines(np.ones(DIM), when=NOON)).all()


# what goes wrong


COLUMNS = ("vectors", "squares", "factors", "place", "lat", "id_ends", "id_bytes", "id_order")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("keep", [None, 100])
def test_a_column_cut_short_or_gone_is_made_anew_with_a_warning(tmp_path, archive, caplog, name, keep):
    expected = opened(tmp_path, archive, encoder()).cosines(np.ones(DIM), when=NOON)
    (path,) = (tmp_path / "field").glob(f"g*/{name}")
    if keep is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:keep])
    field = opened(tmp_path, archive, encoder())
    assert "the field is made anew" in caplog.text and name in caplog.text
    np.testing.assert_array_equal(field.cosines(np.ones(DIM), when=NOON), expected)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"format": 1, "dim": "x"}'])
def test_a_broken_description_is_made_anew_with_a_warning(tmp_path, archive, caplog, text):
    opened(tmp_path, archive)
    (tmp_path / "field" / "field.json").write_text(text)
    assert opened(tmp_path, archive).n == 300
    assert "made anew" in caplog.text


def test_a_field_of_another_version_model_or_encoder_is_made_anew(tmp_path, archive, caplog):
    opened(tmp_path, archive, encoder())
    path = tmp_path / "field" / "field.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
    opened(tmp_path, archive, encoder())
    assert "format 0, now 3" in caplog.text
    other = encoder(seed=1)
    assert_exact(opened(tmp_path, archive, other), other, np.ones(DIM, np.float32), [NOON])
    assert "encoder" in caplog.text
    for form in ({"activation": "linear"}, {"interaction": "full"}, {"interaction": "untied"}):
        caplog.clear()
        other = encoder(seed=1, **form)
        assert_exact(opened(tmp_path, archive, other), other, np.ones(DIM, np.float32), [NOON])
        assert "encoder" in caplog.text
    plain = Archive(tmp_path / "other", "tiles")
    plain.write("a", tiles(0, 5), vectors(5), META | {"model_id": "n"})
    assert opened(tmp_path, plain, model_id="n").n == 5
    assert "model_id m, now n" in caplog.text


def test_a_model_of_another_encoding_is_an_error_that_names_it(tmp_path, archive):
    w = encoder().weights
    with pytest.raises(UsageError, match="encoding 'lunar' cannot be factorised: known are sat2cap, cyclic, seasonal"):
        opened(tmp_path, archive, FieldEncoder("lunar", w))


@pytest.mark.parametrize(("lat", "lon"), [(90.5, 0.0), (-91.0, 3.0), (3.0, 180.1)])
def test_a_tile_outside_the_globe_is_an_error_that_names_it(tmp_path, archive, lat, lon):
    archive.write("k-0", [tile("beyond", 50.0, 3.0)], vectors(1), META)
    path = archive.path("k-0")
    table = pq.read_table(path)
    for name, value in (("lat", lat), ("lon", lon)):
        table = table.set_column(table.column_names.index(name), name, pa.array([value]))
    pq.write_table(table, path)
    with pytest.raises(ArchiveError, match=r"item 'beyond' lies at lat .* not on the globe"):
        opened(tmp_path, archive, encoder("seasonal", interaction="full"))


def test_an_older_model_has_the_fingerprint_that_it_had():
    """So that its field on the disk is not made anew."""
    e = FieldEncoder("cyclic", EncoderWeights(*(np.full(s, 0.5, np.float32) for s in ((2, 11), (2,), (3, 2), (3,)))))
    digest = hashlib.sha256(b"cyclic" + np.full(22 + 2 + 6 + 3, 0.5, np.float32).tobytes()).hexdigest()
    assert e.fingerprint == digest and e.rank == 0


def test_a_part_of_another_model_is_refused(tmp_path, archive):
    opened(tmp_path, archive)
    archive.write("k-0", tiles(300, 5), vectors(5), META | {"model_id": "other"})
    with pytest.raises(ModelMismatchError, match=r"k-0.parquet: made by model other, the collection's is m"):
        opened(tmp_path, archive)
    archive.write("k-0", tiles(300, 5), vectors(5, dim=8), META)
    with pytest.raises(ModelMismatchError, match="vectors of 8 values among others of 32"):
        opened(tmp_path, archive)
    archive.path("k-0").unlink()
    assert opened(tmp_path, archive).n == 300


def test_a_broken_part_is_an_error_that_names_it_and_the_field_works_again_without_it(tmp_path, archive):
    opened(tmp_path, archive)
    archive.write("k-0", tiles(300, 50), vectors(50), META)
    path = archive.path("k-0")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ArchiveError, match=r"k-0.parquet: not a readable part .*verify archive --repair"):
        opened(tmp_path, archive)
    archive.set_aside(path)
    assert opened(tmp_path, archive).n == 300


def test_what_a_killed_process_added_is_written_over(tmp_path, archive):
    """It had grown the columns, and had not yet replaced the description."""
    opened(tmp_path, archive, encoder())
    for path in (tmp_path / "field").glob("g*/*"):
        with path.open("ab") as file:
            file.write(b"\xff" * 1000)
    (tmp_path / "field" / "g000099").mkdir()
    archive.write("k-0", tiles(300, 40), vectors(40, seed=6), META)
    field = opened(tmp_path, archive, encoder())
    assert sorted(field.ids()) == [t["tile_id"] for t in tiles(0, 340)]
    assert_exact(field, encoder(), np.ones(DIM, np.float32), [NOON])
    assert len(list((tmp_path / "field").glob("g*"))) == 1


def test_a_full_disk_is_an_error_and_the_field_is_made_once_there_is_space(tmp_path, archive):
    """A limit on the size of files makes the kernel refuse to grow them, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(ArchiveError, match=r"cannot be written .*free disk space"):
            opened(tmp_path, archive, encoder())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert opened(tmp_path, archive, encoder()).n == 300


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path, archive):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match=r"the field cannot be written .*another home"):
        open_scorer(tmp_path / "file" / "field", archive, model_id="m", encoder=None)


OPEN = """
import sys
from pathlib import Path
from ingest.archive.parts import Archive
from ingest.field.scorer import open_scorer
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
field = open_scorer(folder / "field", Archive(folder / "archive", "tiles"), model_id="m", encoder=None)
print(field.n, float(field.cosines([1.0] * field.dim).sum()))
"""


def test_two_processes_that_open_at_once_find_the_same_field(tmp_path, archive, caplog):
    caplog.set_level(logging.INFO)
    archive.write("k-0", tiles(300, 8_000), vectors(8_000), META)
    command = [sys.executable, "-c", OPEN, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("\n")
        other.stdin.flush()
        field = opened(tmp_path, archive)
        out, _ = other.communicate(timeout=240)
    n, total = out.split()
    assert int(n) == field.n == 8_300
    assert float(total) == pytest.approx(float(field.cosines(np.ones(DIM)).sum()), abs=1e-2)
    assert (tmp_path / "field" / "g000001").is_dir()  # made once: who came second found it done


def test_the_field_loads_without_torch():
    code = "import ingest.field.scorer, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0
