"""Questions to the demonstration's island: any moment, every tile, both routes."""

import shutil
from dataclasses import replace
from datetime import date, datetime, time
from itertools import product

import numpy as np
import pytest
from shapely.geometry import box

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.catalog.server_names import ServerNames
from ingest.index.edge import EdgeIndex
from ingest.index.protocol import Filter, Points
from ingest.settings import Settings, load_settings
from search_ui.search.candidates import Sample, questions
from search_ui.search.engine import Engine
from search_ui.search.feedback import Feedback
from search_ui.search.query import Part, Query
from search_ui.search.relevance.calibration import POSSIBLE, WEAK, Calibration
from search_ui.service.service import Service
from trainer.errors import CatalogError, MissingError, UsageError, VectorIndexError

SUMMER, WINTER = datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12)
MOMENTS = (SUMMER, WINTER, date(2025, 7, 12), time(23))


@pytest.fixture(scope="module")
def engine(demo):
    settings = load_settings(demo.home)
    with_catalog = Catalog(settings.catalog_path)
    yield Engine(settings, with_catalog)
    with_catalog.close()


@pytest.fixture
def narrow(engine):
    """The same home, searched by its index, which is let go at the end: it admits one at a time."""
    opened = Engine(engine.settings.model_copy(update={"exact_tiles": 0}), engine.catalog)
    yield opened
    opened.close()


def ask(text="people swimming at a sandy beach", **more):
    return Query(parts=(Part("text", text),), **more)


def everything(engine):
    """Columns of the archive itself."""
    archive = Archive(engine.settings.archive_dir("demo"), "tiles")
    parts = [archive.read(path.stem) for path in archive.parts()]
    columns = {
        name: np.concatenate([part.table[name].to_numpy() for part in parts]) for name in ("tile_id", "lat", "lon")
    }
    return columns, np.concatenate([part.vectors() for part in parts]).astype(np.float64)


def directly(engine, vector, when):
    """Ids and cosines by the definition, in float64."""
    columns, s = everything(engine)
    if when is not None:
        embedder = engine.embedder(engine.catalog.collection("demo"))
        s = embedder.at(s, lat=columns["lat"], lon=columns["lon"], when=when)
    cosine = s @ vector / np.linalg.norm(s, axis=1)
    return columns["tile_id"], cosine


@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", [None, SUMMER, WINTER, date(2025, 7, 12), time(23)])
def test_an_answer_is_the_best_of_every_tile_by_the_definition(engine, when) -> None:
    query = ask(when=when, k=20)
    answer = engine.search("demo", query)
    ids, cosine = directly(engine, engine.query_vector(engine.catalog.collection("demo"), query), when)
    best = np.argsort(-cosine)[:20]
    assert answer.method == "exact"
    assert answer.candidates == len(ids)
    assert [hit.tile_id for hit in answer.hits] == ids[best].tolist()
    assert [hit.cosine for hit in answer.hits] == pytest.approx(cosine[best], abs=2e-6)
    assert [hit.rank for hit in answer.hits] == list(range(1, 21))


def test_a_moment_changes_the_answer(engine) -> None:
    summer, winter = (engine.search("demo", ask("snow", when=when)) for when in (SUMMER, WINTER))
    assert summer.hits[0].relevance < winter.hits[0].relevance
    assert summer.hits[0].cosine < winter.hits[0].cosine


def test_candidates_of_the_index_are_almost_always_the_exact_answer(engine, narrow) -> None:
    texts = ("a beach full of people", "city lights at night")
    every = engine.field(engine.catalog.collection("demo"))
    (west, east), (south, north) = (np.quantile(degrees, [0.3, 0.7]) for degrees in (every.lon, every.lat))
    found = 0
    for text in texts:
        for when in (None, SUMMER, WINTER):
            for area in (None, box(west, south, east, north)):
                exact = engine.search("demo", ask(text, when=when, area=area))
                near = narrow.search("demo", ask(text, when=when, area=area))
                assert near.method == "candidates of the index, ranked exactly"
                found += len({hit.tile_id for hit in exact.hits} & {hit.tile_id for hit in near.hits})
                if exact.hits:
                    assert near.hits[0].cosine == pytest.approx(exact.hits[0].cosine, abs=1e-5)
                else:
                    found += 9
    assert found / (9 * len(texts) * 6) >= 0.99


@pytest.mark.parametrize("when", [None, SUMMER])
def test_one_tile_and_question_have_one_relevance_whether_field_or_index_answers(engine, narrow, when) -> None:
    query = ask("a ski slope", when=when)
    exact, proposed = (one.search("demo", query) for one in (engine, narrow))
    assert exact.method != proposed.method
    assert [(hit.tile_id, hit.relevance) for hit in proposed.hits] == [
        (hit.tile_id, pytest.approx(hit.relevance, abs=1e-3)) for hit in exact.hits
    ]


def test_a_large_collection_is_judged_by_the_tiles_of_now(engine, monkeypatch) -> None:
    collection = engine.catalog.collection("demo")
    fresh, taken = Engine(engine.settings, engine.catalog), []
    monkeypatch.setattr("search_ui.search.holdings.take_sample", lambda *_: taken.append(1) or len(taken))
    for parts in ((("a", 1),), (("a", 1),), (("a", 1), ("b", 1))):
        monkeypatch.setattr(fresh, "_parts", lambda _, now=parts: now)
        fresh._sample(collection)
    assert (fresh._sample(collection), len(taken)) == (2, 2)


@pytest.mark.parametrize("wide", [True, False])  # False: of an area in which few tiles of the sample lie
def test_what_an_index_is_asked_follows_the_scores_of_the_best_where_they_bend(engine, monkeypatch, wide) -> None:
    found, field = engine.collection("demo"), engine.field(engine.collection("demo"))
    encoder, rows = engine._encoder(found), np.random.default_rng(0).permutation(field.n)
    lat, lon, o = field.lat[rows], field.lon[rows], field.vectors(rows)
    sample = Sample(lat[:1024], lon[:1024], o[:1024], encoder)
    nearest = np.argsort((lat[:1024] - lat[0]) ** 2 + (lon[:1024] - lon[0]) ** 2)[:90]
    around = box(lon[nearest].min(), lat[nearest].min(), lon[nearest].max(), lat[nearest].max())
    filter_ = Filter() if wide else Filter(area=around)
    lat, lon, o = lat[1024:], lon[1024:], o[1024:]
    u, missed = o / np.linalg.norm(o, axis=1, keepdims=True), dict.fromkeys(("fitted", "tangent"), 0)
    texts = ("people swimming at a sandy beach", "a market with stalls", "a lighthouse at night", "campers at tents")
    for query, when in product(engine.texts(found, texts), (SUMMER, WINTER)):
        s = encoder.at(o, encoder.place(lat, lon), np.ones(len(o), bool), when=when)
        best = set(np.argsort(-(s @ query) / np.linalg.norm(s, axis=1))[:9].tolist())
        for how in missed:
            with monkeypatch.context() as patched:
                if how == "tangent":
                    patched.setattr("search_ui.search.candidates._fitted", lambda first, _units, _score: first)
                (asked,) = questions(sample, query / np.linalg.norm(query), when=when, filter=filter_)
            missed[how] += len(best - set(np.argsort(-(u @ asked))[:32].tolist()))
    assert missed["fitted"] <= min(4, missed["tangent"] / 2), missed


def test_while_another_process_holds_the_index_every_tile_is_scored(engine, narrow) -> None:
    collection = engine.catalog.collection("demo")
    with EdgeIndex(engine.settings.index_dir(collection.name), collection.name, collection.dim):
        answer = narrow.search("demo", ask("city lights at night", when=WINTER))
    exact = engine.search("demo", ask("city lights at night", when=WINTER))
    assert answer.method == "exact"
    assert [hit.tile_id for hit in answer.hits] == [hit.tile_id for hit in exact.hits]


def test_an_index_that_lacks_much_is_left_aside_and_the_answer_says_so(engine, narrow, monkeypatch) -> None:
    monkeypatch.setattr("ingest.index.upkeep._AT_ONCE", 10)
    collection = engine.catalog.collection("demo")
    aside = engine.settings.index_dir("demo").with_name("aside")
    monkeypatch.setattr(Settings, "index_dir", lambda *_: aside)
    for make in (lambda: None, lambda: EdgeIndex(aside, collection.name, collection.dim).close()):
        make()  # none at all, then one that is behind
        answer = narrow.search("demo", ask("city lights at night", when=WINTER))
        assert answer.method == "exact" and "`groundcast verify demo --index` builds it" in answer.note
        exact = engine.search("demo", ask("city lights at night", when=WINTER))
        assert [hit.tile_id for hit in answer.hits] == [hit.tile_id for hit in exact.hits]


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        (False, "needs 0.0 GB for the index of"),
        (True, "No space left on device"),
        (None, "`groundcast verify demo --repair`"),
    ],
    ids=["no room for one", "no room for what is new", "broken"],
)
def test_an_index_that_the_disk_cannot_hold_is_left_aside_and_the_answer_says_so(
    engine, narrow, monkeypatch, tmp_path, begun, said
) -> None:
    collection = engine.catalog.collection("demo")
    aside = tmp_path / "index"
    monkeypatch.setattr(Settings, "index_dir", lambda *_: aside)
    if begun is False:
        usage = shutil.disk_usage(engine.settings.home)
        monkeypatch.setattr("ingest.index.upkeep.shutil.disk_usage", lambda _: usage._replace(free=1000))
    else:
        EdgeIndex(aside, collection.name, collection.dim).close()
    if begun is None:
        shutil.rmtree(aside / "shard")
        (aside / "shard").mkdir()

    def full(*_):
        raise VectorIndexError("index 'demo' failed in its engine (No space left on device)")

    monkeypatch.setattr(EdgeIndex, "upsert", full)
    answer = narrow.search("demo", ask("city lights at night", when=WINTER))
    assert answer.method == "exact" and said in answer.note
    exact = engine.search("demo", ask("city lights at night", when=WINTER))
    assert [hit.tile_id for hit in answer.hits] == [hit.tile_id for hit in exact.hits]


def test_what_an_index_holds_and_the_archive_does_not_is_no_hit(engine, narrow) -> None:
    collection, query = engine.catalog.collection("demo"), ask(k=9)
    vector = engine.query_vector(collection, query)
    strange = [
        {"tile_id": f"strange-{i}", "location": {"lat": 1.0, "lon": 1.0}, "size_m": 480.0, "norm": 1.0}
        for i in range(40)
    ]
    folder = engine.settings.index_dir("demo")
    narrow.search("demo", query)
    narrow.close()
    with EdgeIndex(folder, "demo", collection.dim) as index:
        index.upsert(Points([one["tile_id"] for one in strange], np.repeat(vector[None], 40, axis=0), strange))
    try:
        answer = narrow.search("demo", query)
        best = [hit.tile_id for hit in engine.search("demo", query).hits]
        assert [hit.tile_id for hit in answer.hits] == best
        assert "40 tiles that the index holds and the archive does not were left out" in answer.note
        assert "`groundcast verify demo --repair`" in answer.note
    finally:
        narrow.close()
        with EdgeIndex(folder, "demo", collection.dim) as index:
            index.delete([one["tile_id"] for one in strange])


def test_while_the_index_server_is_away_the_field_answers_and_says_so(engine, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("ingest.index.connection.PAUSES_S", ())
    monkeypatch.setattr("ingest.index.kept_open.REST_S", 600)  # longer than a test on a busy machine
    collection, query = engine.catalog.collection("demo"), ask("city lights at night", when=WINTER)
    ServerNames(engine.catalog).record("demo", "there")
    away = {"qdrant_url": "http://127.0.0.1:9", "exact_tiles": 0}
    served = Engine(engine.settings.model_copy(update=away), engine.catalog)
    exact = engine.search("demo", query)
    answer = served.search("demo", query)
    assert [hit.tile_id for hit in answer.hits] == [hit.tile_id for hit in exact.hits]
    assert "every tile was scored without the index: no Qdrant server answers at http://127.0.0.1:9" in answer.note
    monkeypatch.setattr("ingest.index.kept_open.open_for_search", lambda *_: pytest.fail("asked again at once"))
    assert served.search("demo", query).method == "exact"
    monkeypatch.setattr(Settings, "field_dir", lambda *_: tmp_path / "none")
    with pytest.raises(VectorIndexError, match="no Qdrant server answers"):
        served.search("demo", query)
    ServerNames(engine.catalog).forget(collection.name)


def test_texts_tiles_and_photos_are_added_up_by_weight(engine) -> None:
    collection = engine.catalog.collection("demo")
    beach = engine.query_vector(collection, ask("a beach"))
    snow = engine.query_vector(collection, ask("snow"))
    both = Query(parts=(Part("text", "a beach", 2.0), Part("text", "snow", -0.5)))
    expected = 2 * beach - 0.5 * snow
    assert engine.query_vector(collection, both) == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    tile = engine.search("demo", ask("a beach")).hits[0]
    again = engine.search("demo", Query(parts=(Part("tile", tile.tile_id),)))
    assert again.hits[0].tile_id == tile.tile_id
    assert again.hits[0].cosine == pytest.approx(1, abs=1e-3)
    photo = next((engine.settings.home / "demo-photos").glob("*.jpg"))
    assert len(engine.search("demo", Query(parts=(Part("photo", photo),))).hits) == 9


def test_an_ensemble_is_the_mean_of_several_ways_to_say_it(engine) -> None:
    collection = engine.catalog.collection("demo")
    one, many = (engine.query_vector(collection, ask("a beach", ensemble=way)) for way in (False, True))
    assert 0.7 < float(one @ many) < 0.9999


def test_what_cancels_out_has_no_direction(engine) -> None:
    with pytest.raises(UsageError, match="cancel out"):
        engine.search("demo", Query(parts=(Part("text", "a beach"), Part("text", "a beach", -1.0))))


def test_an_area_acts_inside_the_search_and_an_empty_one_says_how_far(engine) -> None:
    first = engine.search("demo", ask()).hits[0]
    west, south, east, north = first.bbox
    inside = engine.search("demo", ask(area=box(west, south, east, north), k=100))
    assert first.tile_id in {hit.tile_id for hit in inside.hits}
    assert len(inside.hits) == inside.candidates < 10
    far = engine.search("demo", ask(area=box(0, 0, 1, 1)))
    assert far.hits == []
    assert "km from its middle" in far.note


def test_a_minimum_relevance_may_leave_nothing_and_says_so(engine) -> None:
    answer = engine.search("demo", ask("an erupting volcano", min_relevance=0.99))
    assert answer.hits == []
    assert "nothing here" in answer.note
    some = engine.search("demo", ask("wheat harvest", when=SUMMER, min_relevance=0.3, k=50))
    assert all(hit.relevance >= 0.3 for hit in some.hits)


def test_a_thing_out_of_its_hours_is_not_now_and_the_answer_says_when(engine) -> None:
    answer = engine.search("demo", ask(when=datetime(2025, 7, 12, 2)))
    assert answer.note.startswith("not now: here it is likeliest ") and answer.note.endswith(" h")
    first, last = answer.not_now.hours
    assert first < 12 < last
    hit = answer.hits[0]
    assert hit.not_now and hit.relevance < POSSIBLE <= hit.place and hit.likeliest is not None
    assert answer.as_dict()["not_now"]["says"] == str(answer.not_now)


def test_what_the_index_proposes_holds_the_places_of_another_moment(engine, narrow) -> None:
    whole, few = (each.search("demo", ask(when=datetime(2025, 7, 12, 2))) for each in (engine, narrow))
    assert few.method.startswith("candidates") and few.not_now == whole.not_now is not None


def test_what_is_nowhere_is_nothing_here_at_any_moment_and_not_not_now(engine) -> None:
    for when in (None, SUMMER, datetime(2025, 7, 12, 2), time(23)):
        answer = engine.search("demo", ask("elephants in the savannah", when=when))
        assert answer.not_now is None and answer.note.startswith("nothing here"), when
        assert "not_now" not in answer.as_dict()
        assert not any(hit.not_now for hit in answer.hits)
    place, likeliest = engine.likeliest("demo", ask("elephants in the savannah"))
    assert place < POSSIBLE and likeliest is None


@pytest.mark.parametrize(("text", "when"), [("farmers harvesting wheat", WINTER), ("an erupting volcano", SUMMER)])
def test_whether_something_is_here_hangs_not_on_how_many_hits_are_asked_for(engine, text, when) -> None:
    one, many = (engine.search("demo", ask(text, when=when, k=k)) for k in (1, 40))
    nearest = np.argsort(-engine.scores("demo", ask(text, when=when)).cosine)[:128]
    relevance = engine.unfitted_relevance("demo", ask(text, when=when))  # in maps what is below `WEAK` may be less
    assert one.highest == many.highest == pytest.approx(float(relevance[nearest].max()), abs=1e-4)
    assert one.highest >= max(hit.relevance for hit in many.hits)
    assert one.not_now == many.not_now
    assert one.note == many.note


@pytest.mark.parametrize("when", [None, WINTER])
def test_an_index_is_asked_for_as_many_as_tell_whether_something_is_here(narrow, when) -> None:
    one, many = (narrow.search("demo", ask("farmers harvesting wheat", when=when, k=k)) for k in (1, 40))
    assert one.candidates >= 128
    assert one.highest == pytest.approx(many.highest, abs=1e-4) and one.note == many.note


def test_where_little_of_what_an_index_proposes_may_be_shown_it_is_asked_for_more(engine, narrow, monkeypatch) -> None:
    monkeypatch.setattr("search_ui.search.engine.distinct", lambda lat, _lon, _size_m, k: np.arange(0, len(lat), 8)[:k])
    expected, found = (each.search("demo", ask("a forest", k=40)) for each in (engine, narrow))
    assert [hit.tile_id for hit in found.hits] == [hit.tile_id for hit in expected.hits]
    assert len(found.hits) == 40 and found.note == expected.note
    monkeypatch.setattr("search_ui.search.engine._DEEPER", 1)
    found = narrow.search("demo", ask("a forest", k=40))
    assert len(found.hits) == 16 and "the index proposed 128 tiles, of which no more may be shown" in found.note


def test_not_now_is_told_of_the_words_though_thumbs_steer_what_an_index_is_asked(engine, narrow) -> None:
    query = ask(when=datetime(2025, 7, 12, 2))
    scores = engine.scores("demo", replace(query, when=None))
    unlike = tuple(scores.tile_id[row] for row in np.argsort(scores.cosine)[:30])
    told = [each.search("demo", query, Feedback(liked=unlike)).not_now for each in (engine, narrow)]
    assert told[0] == told[1] is not None


def test_a_tile_that_was_called_wrong_does_not_tell_that_something_is_here(engine) -> None:
    query = ask("a lighthouse", k=3)
    scores = engine.scores("demo", query)
    wrong = Feedback(hidden=frozenset(scores.tile_id[row] for row in np.flatnonzero(scores.relevance >= WEAK)))
    assert wrong.hidden and engine.search("demo", query).highest >= POSSIBLE
    assert engine.search("demo", query, wrong).highest < WEAK
    assert engine.answer("demo", query, scores, np.arange(3), wrong).highest < WEAK
    listed = scores.relevance < WEAK
    assert engine.answer("demo", query, scores, np.arange(3), listed=listed).highest < WEAK


def test_what_is_here_but_not_among_the_hits_is_not_called_nothing(engine, monkeypatch) -> None:
    told = engine.search("demo", ask("elephants in the savannah", k=2))
    assert told.note.startswith("nothing here looks like it")

    def relevance(self, columns, query, cosine, **more):
        behind = np.arange(len(cosine)) >= 2
        return np.where(behind, 0.5, 0.0).astype(np.float32)

    monkeypatch.setattr(Calibration, "relevance", relevance)
    told = engine.search("demo", ask("elephants in the savannah", k=2))
    assert told.note == "none of these looks like it; the best of those after them has relevance 0.50"
    service = Service(engine.settings)
    assert not service.search("demo", ask("elephants in the savannah", k=2)).nothing
    service.close()


def test_at_its_moment_an_answer_is_not_not_now(engine) -> None:
    answer = engine.search("demo", ask(when=SUMMER))
    assert answer.not_now is None and answer.note is None
    assert answer.hits[0].relevance >= POSSIBLE


def test_a_tile_is_judged_alone_as_among_the_hits(engine) -> None:
    hit = engine.search("demo", ask(when=WINTER)).hits[0]
    judged = engine.judged("demo", ask(when=WINTER), hit.tile_id)
    assert judged.relevance[0] == pytest.approx(hit.relevance, abs=2e-3)
    assert str(judged.likeliest()) == str(hit.likeliest)
    with pytest.raises(MissingError, match="no tile"):
        engine.judged("demo", ask(), "nowhere")


def test_every_hit_says_the_nearest_named_place_and_a_grade(engine) -> None:
    hit = engine.search("demo", ask(k=1)).hits[0]
    assert " km " in hit.near and hit.near.endswith(", Avalune")  # the planet has towns of its own
    assert hit.grade in {"strong", "possible", "weak", "nothing"}


def test_scores_are_of_every_tile_and_frames_are_scores_at_each_moment(engine) -> None:
    query = ask("wheat harvest", when=SUMMER)
    scores = engine.scores("demo", query)
    frames = engine.frames("demo", query, [WINTER, SUMMER])
    assert len(scores.tile_id) == len(scores.cosine) == engine.search("demo", query).candidates
    assert frames.tile_id == scores.tile_id
    assert frames.cosine[1] == pytest.approx(scores.cosine, abs=1e-6)
    assert not np.allclose(frames.cosine[0], scores.cosine, atol=1e-3)
    assert ((scores.relevance >= 0) & (scores.relevance <= 1)).all()
    hits = engine.search("demo", query).hits
    at = [scores.tile_id.index(hit.tile_id) for hit in hits]
    assert [hit.relevance for hit in hits] == pytest.approx(scores.relevance[at], abs=2e-3)


def test_a_gallery_is_not_searched_as_tiles(engine) -> None:
    with pytest.raises(UsageError, match="gallery of photos"):
        engine.search("gallery.demo", ask())
    with pytest.raises(CatalogError, match="no tile"):
        engine.search("demo", Query(parts=(Part("tile", "nowhere"),)))


def test_a_question_asked_again_loads_no_model(engine) -> None:
    engine.search("demo", ask("something new to say"))
    fresh = Engine(engine.settings, engine.catalog)
    fresh.search("demo", ask("something new to say"))
    assert fresh.embedder(fresh.catalog.collection("demo"))._texts is None


def test_parts_that_come_and_go_are_seen_by_the_next_question(engine, tmp_path) -> None:
    home = tmp_path / "home"
    shutil.copytree(engine.settings.home, home, ignore=shutil.ignore_patterns("index", "demo-photos"))
    catalog = Catalog(home / "catalog.sqlite")
    other = Engine(replace_home(engine.settings, home), catalog)
    before = other.search("demo", ask()).candidates
    part = Archive(other.settings.archive_dir("demo"), "tiles").parts()[0]
    part.rename(tmp_path / part.name)
    fewer = other.search("demo", ask()).candidates
    (tmp_path / part.name).rename(part)
    assert fewer < before
    assert other.search("demo", ask()).candidates == before
    catalog.close()


def replace_home(settings, home):
    return settings.model_copy(update={"home": home})


def test_a_model_without_time_says_so_and_goes_on(groundcast, tmp_path) -> None:
    from tests.conftest import TINY_CLIP, make_raster

    raster = make_raster(tmp_path / "town.tif", width=200, height=200)
    assert groundcast("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0").code == 0
    assert groundcast("ingest", raster, "--collection", "town", "--tile-size-m", "10").code == 0
    timed = groundcast("search", "x", "--collection", "town", "--when", "2025-07-14T18", "--json").json()
    plain = groundcast("search", "x", "--collection", "town", "--json").json()
    assert "knows no time" in timed["note"]
    assert timed["hits"] == plain["hits"]


def test_words_and_a_tile_in_one_question_weigh_alike_at_every_moment(engine):
    found, field = engine.catalog.collection("demo"), engine.field(engine.catalog.collection("demo"))
    words, tile = ask().parts[0], Part("tile", field.ids(np.array([100]))[0])
    # by the definition: how far apart the tiles' cosines lie at one moment, in the middle of the year's moments
    alone = [engine.query_vector(found, Query(parts=(part,))) for part in (words, tile)]
    moments = [datetime(2025, month, 15, hour) for month in (1, 4, 7, 10) for hour in (2, 8, 14, 20)]
    apart = [np.mean([field.cosines(one, when=when).var() for when in moments]) ** 0.5 for one in alone]
    for weight in (1.0, 2.0, -0.5):
        query = Query(parts=(tile, replace(words, weight=weight)))
        mixed = engine.query_vector(found, query)
        right = alone[1] / apart[1] + weight * alone[0] / apart[0]
        assert float(mixed @ right) / np.linalg.norm(right) > 0.995
        # a question is one vector, whatever the moment or the area
        assert all(np.array_equal(mixed, engine.query_vector(found, replace(query, when=when))) for when in MOMENTS)
    told = engine.frames("demo", query, [SUMMER]).cosine[0]
    assert np.array_equal(told, engine.scores("demo", replace(query, when=SUMMER)).cosine)
    # unit vectors alone would give the tile more say
    assert apart[1] > 1.2 * apart[0]


def test_an_answer_to_a_picture_or_a_tile_says_that_relevance_was_fitted_to_words(engine):
    words = ask("a beach").parts[0]
    tile = Part("tile", engine.field(engine.catalog.collection("demo")).ids(np.array([100]))[0])
    assert engine.search("demo", Query(parts=(words,))).note is None
    for parts in [(tile,), (words, tile)]:
        query = Query(parts=parts)
        scores = engine.scores("demo", query)
        notes = engine.search("demo", query).note, engine.answer("demo", query, scores, np.arange(3)).note
        assert all("is no chance" in str(note) for note in notes)


@pytest.mark.parametrize(
    "more",
    [
        {"k": 9, "when": SUMMER},
        {"k": 5, "when": WINTER, "min_relevance": 0.05},
        {"k": 300, "when": time(23), "distinct": True},
        {"k": 9, "area": box(-165.1, 42.9, -164.9, 43.1), "when": SUMMER},
        {"k": 3},
    ],
)
def test_where_only_the_best_are_worked_out_an_answer_is_the_same(engine, monkeypatch, more) -> None:
    other = Engine(engine.settings, engine.catalog)  # which has no products of a question before
    expected = engine.search("demo", ask("a crowded beach", **more))
    monkeypatch.setattr("ingest.field.scorer._LARGE", 1)
    monkeypatch.setattr("ingest.field.scorer.BLOCK", 100)
    for _ in range(2):
        found = other.search("demo", ask("a crowded beach", **more))
        assert [(hit.tile_id, hit.relevance) for hit in found.hits] == [
            (hit.tile_id, pytest.approx(hit.relevance, abs=1e-4)) for hit in expected.hits
        ]
        assert (found.candidates, found.note, found.not_now) == (
            expected.candidates, expected.note, expected.not_now
        )  # fmt: skip
        other.scores("demo", ask("a crowded beach", **more))  # now the products are known
