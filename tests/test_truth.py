"""Truth as a file laid over tiles, and what is measured and fitted by it."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import geopandas
import made_up
import numpy as np
import pytest
import shapely
from home_copy import copy_of
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from ingest.catalog.catalog import FITS, Catalog, Collection
from ingest.geo import feature_file
from ingest.geo.feature_file import EMPTY, FLAT, LINES, NOWHERE, read_features
from ingest.geo.geometry import Footprint
from ingest.settings import load_settings
from search_ui.labels.blocks import folds_of
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.relevance.calibration import Judged
from search_ui.search.relevance.fitted import Fit, Refitted, constants_of, drop_fits, fit_for, fits_of, keep_fits
from search_ui.search.scores import Scores
from search_ui.truth import pictures
from search_ui.truth.blocks import bootstrap_blocks
from search_ui.truth.conditions import Condition
from search_ui.truth.evaluation import Plan, classes_of, evaluate_truth
from search_ui.truth.fitting import FitFor, fit
from search_ui.truth.measures import HELD_OUT, KnownTiles, measure
from search_ui.truth.objects import Objects, read_objects
from search_ui.truth.overlay import overlay
from search_ui.truth.page import write_page
from search_ui.truth.pictures import canvases, shapes_on, tiles_on
from search_ui.truth.report import lines
from search_ui.truth.verdicts import verdicts
from trainer.errors import AreaError, MissingError, UsageError

BOX = shapely.box
TILES = np.array([BOX(x, 0, x + 1, 1) for x in range(4)])  # four in a row, each of one square degree


def written(path, shapes, crs="EPSG:4326", **columns):
    geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs).to_file(path)
    return path


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".fgb", ".parquet"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32645"])
def test_a_file_of_any_kind_and_reference_system_says_the_same(tmp_path, suffix, crs):
    shapes = [BOX(85.52, 27.63, 85.5202, 27.6301), shapely.Point(85.521, 27.631)]
    shapes = shapes[:1] if suffix == ".shp" else shapes  # which has one kind of shape
    frame = geopandas.GeoDataFrame({"kind": ["house", "well"][: len(shapes)]}, geometry=shapes, crs="EPSG:4326")
    path = tmp_path / f"truth{suffix}"
    moved = frame.to_crs(crs)
    moved.to_parquet(path) if suffix == ".parquet" else moved.to_file(path)
    found = read_features(path, ["kind"])
    by_kind = dict(zip(found.columns["kind"], found.shapes, strict=True))  # a FlatGeobuf has an order of its own
    assert sorted(by_kind) == ["house", "well"][: len(shapes)]
    for kind, shape in zip(("house", "well"), shapes, strict=False):
        assert by_kind[kind].hausdorff_distance(shape) < 1e-6
    assert found.extent.bounds == pytest.approx(shapely.total_bounds(shapes), abs=5e-5)


def test_what_is_no_polygon_and_no_point_is_passed_over_and_counted(tmp_path):
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [bow, BOX(2, 0, 3, 1), shapely.LineString([(0, 0), (1, 1)]), None, shapely.Polygon()]
    shapes += [shapely.Point(float("nan"), 1), shapely.Polygon([(5, 5), (5, 5), (5, 5)]), shapely.MultiPoint([(4, 4)])]
    shapes.append(shapely.Polygon([(0, 0), (float("inf"), 0), (1, 1)]))
    path = tmp_path / "truth.parquet"
    geopandas.GeoDataFrame({"a": range(len(shapes))}, geometry=shapes, crs="EPSG:4326").to_parquet(path)
    found = read_features(path)
    assert (len(found.shapes), found.mended) == (3, 2)
    assert found.passed_over == Counter({LINES: 1, EMPTY: 2, FLAT: 1, NOWHERE: 2})
    assert all(shapely.is_valid(found.shapes))
    assert "2 outlines crossed themselves and were made valid" in found.notes


def test_a_kml_has_shapes_and_no_columns(tmp_path):
    path = tmp_path / "truth.kml"
    path.write_text(
        "<kml><Placemark><Point><coordinates>8,50</coordinates></Point></Placemark>"
        "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>8,50 9,50 9,51 8,50</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon></Placemark></kml>"
    )
    assert sorted(shape.geom_type for shape in read_features(path).shapes) == ["MultiPoint", "Polygon"]
    with pytest.raises(AreaError, match="columns of KML are not read"):
        read_features(path, ["building"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.geojson", None, "does not exist"),
        ("empty.geojson", "", "is empty"),
        ("truth.xlsx", "a", "use one of .geojson"),
        ("cut.geojson", '{"type": "FeatureCollection", "features": [{"type"', "cannot be read"),
        ("truth.geojson", '{"type": "FeatureCollection", "features": []}', "holds no row"),
        ("far.geojson", '{"type": "Point", "coordinates": [10, 99]}', "latitude and longitude swapped"),
        ("crs.geojson", '{"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "x"}}}',
         "not known"),
        ("metres.geojson", '{"type": "Point", "coordinates": [526640, 9329312]}',
         "metres.geojson' is not in degrees .bounds 526640"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises((AreaError, UsageError), match=said):
        read_objects(tmp_path / name, near=(39.2, -6.1, 39.3, -6.0))


def test_a_file_of_too_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_file, "MOST_ROWS", 2)
    path = written(tmp_path / "truth.gpkg", [shapely.Point(x, 0) for x in range(9)])
    with pytest.raises(AreaError, match="cut it to the area"):
        read_features(path)
    assert len(read_features(path, near=(2.5, -1, 4.5, 1)).shapes) == 2  # of those alone that lie there
    assert read_features(path, near=(2.5, -1, 4.5, 1)).extent.bounds == (0, 0, 8, 0)  # while truth goes further


def test_objects_across_the_antimeridian_lie_on_both_sides_of_it(tmp_path):
    path = tmp_path / "truth.geojson"
    ring = [[179.9, 0], [-179.9, 0], [-179.9, 0.1], [179.9, 0.1], [179.9, 0]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    found = read_features(path)
    assert found.shapes[0].area == pytest.approx(0.02)
    assert found.extent.area == pytest.approx(0.02)  # not the world without it


# -- rows -------------------------------------------------------------------------------------------------------------


def test_conditions_say_what_tags_say():
    building = np.array(["yes", "House", "no", None, "", float("nan"), 1.0, 0.0], object)
    assert Condition.parse("building").holds(building).tolist() == [True, True, False, False, False, False, True, False]
    assert Condition.parse("building=house, 1").holds(building).nonzero()[0].tolist() == [1, 6]
    for said in ("", "=yes", "building="):
        with pytest.raises(UsageError, match="building=yes"):
            Condition.parse(said)


def test_rows_are_chosen_and_classes_counted(tmp_path):
    points, kinds = [shapely.Point(x, 0) for x in (0, 1, 2, 3, 1, 1)], ["pool", "pier", "pool", None, "pier", "pool"]
    path = written(tmp_path / "truth.gpkg", points, kind=kinds, open=["yes", "yes", "no", *["yes"] * 3])
    found = read_objects(path, class_column="kind", where=[Condition.parse("open")])
    assert found.counts() == {"pool": 2, "pier": 1}
    assert found.notes == (
        "1 rows passed over: not what --where says",
        "1 objects have no kind: they are of no class",
        "1 objects are there a second time, outline for outline: counted once",
    )
    with pytest.raises(UsageError, match=r"none of its 6 rows says kind=pond; kind is: pool \(3\), pier \(2\)"):
        read_objects(path, where=[Condition.parse("kind=pond")])
    with pytest.raises(AreaError, match="has no column 'sort'; it has: kind, open"):
        read_objects(path, class_column="sort")


def test_every_class_has_one_text():
    objects = Objects(np.empty(3, object), np.array(["pool", "pool", "pier"], object), None, ())
    asked, silent = classes_of(["pool=a swimming pool"], objects, "kind")
    assert asked == {"pool": "a swimming pool"}
    assert "pier (1)" in silent and "count as negative" in silent
    assert "count as negative" not in classes_of(["pool=a swimming pool"], objects, "kind", negative=True)[1]
    for texts, column, said in (
        ([], None, "needs --text"),
        (["a", "b"], None, "need --class-column"),
        (["a pool"], "kind", "write CLASS=TEXT"),
        (["pool="], "kind", "write CLASS=TEXT"),
        (["pond=a pond"], "kind", r"no object is of class 'pond'; kind is: pool \(2\), pier \(1\)"),
        (["pool=a", "pool=b"], "kind", "has a text already"),
    ):
        with pytest.raises(UsageError, match=said):
            classes_of(texts, objects, column)


# -- tiles ------------------------------------------------------------------------------------------------------------


def over(*shapes, share=None):
    return overlay(np.array(shapes, object), TILES, share)


def test_a_tile_is_positive_that_holds_most_of_an_object_or_is_covered_by_objects():
    small = BOX(0.9, 0.5, 1.02, 0.6)  # five sixths of it in the first tile, a sliver in the second
    assert over(small).positive.tolist() == [True, False, False, False]
    assert over(small).sliver.tolist() == [False, True, False, False]
    assert over(BOX(0.5, 0, 3.06, 1)).positive.tolist() == [True, True, True, True]  # .06 of the last is covered
    assert over(BOX(0.5, 0, 3.04, 1)).positive.tolist() == [True, True, True, False]
    quarters = BOX(0.99, 0.5, 1.011, 0.6)
    assert over(quarters).positive.tolist() == [False, True, False, False]  # which holds more of it
    assert over(shapely.Point(2.5, 0.5)).positive.tolist() == [False, False, True, False]
    assert over(BOX(1, 2, 2, 3)).off == 1
    assert over(BOX(1, 1, 2, 2)).off == 1  # a common border is nothing to be seen


def test_with_a_share_cover_alone_counts_and_what_overlaps_counts_once():
    half = BOX(0, 0, 0.3, 1)
    assert not over(half, half, share=0.5).positive.any()
    assert over(half, half, share=0.5).unfindable == 2
    assert over(half, BOX(0.3, 0, 0.6, 1), share=0.5).positive.tolist() == [True, False, False, False]
    assert over(half, BOX(0.3, 0, 0.6, 1), share=0.5).of_object.tolist() == [0, 1]
    with pytest.raises(UsageError, match="--min-share 0"):
        over(half, share=0)


def test_truth_is_known_within_its_extent_or_in_negative_areas():
    found = over(BOX(0.2, 0.2, 0.4, 0.4))
    at = {"lat": np.full(4, 0.5), "lon": np.arange(4) + 0.5}
    said = verdicts(found, TILES, **at, extent=BOX(0, 0, 2.2, 1))
    assert (said.known.tolist(), said.yes.tolist()) == ([True, True, False, False], [True, False, False, False])
    negative = np.array([BOX(0, 0, 0.7, 1), shapely.Point(3.5, 0.5)], object)
    said = verdicts(found, TILES, **at, extent=None, negative=negative)
    assert (said.known.tolist(), said.contrary) == ([False, False, False, True], 1)
    said = verdicts(found, TILES, **at, extent=None, area=BOX(0, 0, 2.2, 1), negative=negative)
    assert (said.known.any(), said.contrary, said.asked) == (False, 1, 2)


class RowOfTiles:
    """An engine of ten tiles of 1 km along the equator, of which an area has those that touch it."""

    def scores(self, _, query):
        lon = np.arange(10) * 0.01
        at = [Footprint(0.0, float(x), 1000.0).polygon for x in lon]
        rows = np.flatnonzero([query.area is None or one.intersects(query.area) for one in at])
        column = np.linspace(0.1, 0.9, len(rows), dtype=np.float32)
        size_m = np.full(len(rows), 1000, np.float32)
        return Scores([f"t{row}" for row in rows], np.zeros(len(rows)), lon[rows], size_m, column, column, None)


def test_of_an_area_only_tiles_whose_middle_lies_there_are_judged_and_by_all_tiles_that_hold_an_object():
    most_of_it_beyond = BOX(0.0543, 0, 0.0595, 0.001)  # a tenth of it on tile 5, the rest on tile 6
    objects = Objects(np.array([most_of_it_beyond, BOX(0.03, 0, 0.031, 0.001)], object), None, None, ())
    area = BOX(0.026, -0.01, 0.0556, 0.01)  # the middles of tiles 3 to 5; it touches tile 6
    (one,) = evaluate_truth(RowOfTiles(), Plan("row", {None: "a pool"}, "truth", area=area, draws=2), objects).classes
    judged = {one.scores.tile_id[row]: bool(yes) for row, yes in zip(one.rows, one.sample.yes, strict=True)}
    assert judged == {"t3": True, "t4": False, "t5": False}
    assert (one.as_dict()["unknown"], one.as_dict()["objects_off"]) == (0, 0)


def test_a_place_where_nothing_is_known_to_be_negative_is_told_how_to_say_so():
    objects = Objects(np.array([shapely.Point(0.032, 0)], object), None, BOX(0.032, 0, 0.032, 0), ())
    with pytest.raises(UsageError, match="say by --bbox"):
        evaluate_truth(RowOfTiles(), Plan("row", {None: "a pool"}, "truth"), objects)


def test_maps_on_both_sides_of_the_antimeridian_have_their_tiles_and_objects(monkeypatch):
    _, lat, lon, _ = made_up.island()
    lon = (lon + 169.96 + 180) % 360 - 180  # from 179.96 to -179.98
    assert lon.min() < -179 and lon.max() > 179

    class Asked:
        def scores(self, name, query):
            return replace(made_up.scores(), lon=lon)

    shapes = shapely.points(lon[::5], lat[::5])
    result = evaluate_truth(Asked(), Plan("town", {None: "a well"}, "x", draws=2), Objects(shapes, None, None, ()))
    (one,) = result.classes
    ((canvas,), _) = canvases(one)
    assert len(tiles_on(one, canvas)) == len(lon)
    assert [len(shapes_on(one, canvas)[0]), shapes_on(one, canvas)[1]] == [len(shapes), 0]
    monkeypatch.setattr(pictures, "_MOST_VERTICES", 9)
    assert [len(shapes_on(one, canvas)[0]), shapes_on(one, canvas)[1]] == [9, len(shapes) - 9]
    elsewhere = replace(one, shapes=np.array([shapely.Point(10, 43), BOX(-180, 43, -179.97, 43.1)], object))
    assert len(shapes_on(elsewhere, canvas)[0]) == 1


# -- measures ---------------------------------------------------------------------------------------------------------


def sample(n=400, *, tells=1.0, seed=0, share=0.3) -> KnownTiles:
    """Tiles in a square, each with an object where it is positive."""
    random = np.random.default_rng(seed)
    side = int(np.sqrt(n))
    lat, lon = (axis.ravel() * 0.005 for axis in np.mgrid[:side, :side])
    yes = random.random(n) < share
    cosine = random.normal(0, 1, n) + tells * yes
    relevance = 1 / (1 + np.exp(-(cosine - 3)))  # too low by far
    blocks = bootstrap_blocks(yes, lat=lat, lon=lon, size_m=480)
    objects = np.flatnonzero(yes)
    folds = folds_of(yes, lat=lat, lon=lon, size_m=480)
    return KnownTiles(yes, cosine, relevance, blocks.number, np.arange(len(objects)), objects, folds)


def test_the_numbers_are_those_of_scikit_learn():
    given = sample()
    found = measure(given, draws=50, seed=0)
    assert found.number("average_precision").estimate.value == pytest.approx(
        average_precision_score(given.yes, given.cosine)
    )
    assert found.number("roc_auc").estimate.value == pytest.approx(roc_auc_score(given.yes, given.cosine))
    assert found.number("brier").estimate.value == pytest.approx(brier_score_loss(given.yes, given.relevance))
    best = found.operating[3]
    assert best.rates["f1"].value == pytest.approx(f1_score(given.yes, given.cosine >= best.threshold))
    assert best.rates["f1"].value == max(f1_score(given.yes, given.cosine >= least) for least in given.cosine)
    assert found.operating[4].name == HELD_OUT
    assert found.operating[4].rates["f1"].value <= best.rates["f1"].value
    assert found.number("precision@9").estimate.value == given.yes[np.argsort(-given.cosine)[:9]].mean()
    assert found.number("precision@9").knows_nothing == pytest.approx(given.yes.mean())
    assert found.number("precision@100").best == 1
    assert sum(one.tiles for one in found.bins) == len(given.yes)
    for number in found.numbers:
        assert number.estimate.low <= number.estimate.value <= number.estimate.high
        assert number.estimate.low < number.estimate.high
    json.dumps(found.as_dict(), allow_nan=False)


def test_scores_that_say_the_same_of_every_tile_are_worth_what_knows_nothing():
    given = sample()
    flat = KnownTiles(
        given.yes, np.zeros(400), given.relevance, given.block, given.of_object, given.of_tile, given.folds
    )
    found = measure(flat, draws=20, seed=0)
    for name in ("average_precision", "roc_auc", "precision@9", "precision@100", "f1_best"):
        assert found.number(name).estimate.value == pytest.approx(found.number(name).knows_nothing), name


def test_of_few_positives_precision_at_more_than_there_are_has_a_lower_ceiling():
    found = measure(sample(share=0.1), draws=20, seed=0)
    yes = sample(share=0.1).yes.sum()
    assert found.number("precision@100").best == pytest.approx(yes / 100)


def test_tiles_that_look_like_their_neighbours_make_intervals_wider():
    given = sample(1600)
    block = np.arange(1600) // 40  # a row of the square: all its tiles are alike
    yes = np.repeat(given.yes[::40], 40)
    alike = KnownTiles(yes, np.repeat(given.cosine[::40], 40), given.relevance, block, given.of_object[:0],
                   given.of_tile[:0], None)  # fmt: skip
    apart = replace(alike, block=np.arange(1600))
    wide, narrow = (measure(one, draws=100, seed=0).number("roc_auc").estimate for one in (alike, apart))
    assert wide.value == narrow.value
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_blocks_are_single_tiles_only_where_larger_ones_are_too_few():
    lat, lon = (axis.ravel() * 0.005 for axis in np.mgrid[:12, :12])
    yes = np.zeros((12, 12), bool)
    yes[:6, :6] = True  # in some fifteen blocks of two tiles a side, which are fewer than are wanted
    made = bootstrap_blocks(yes.ravel(), lat=lat, lon=lon, size_m=480)
    assert (made.few, made.single) == (True, False) and 900 < made.side_m < 1000
    yes[:] = False
    yes[0, 0] = True
    assert bootstrap_blocks(yes.ravel(), lat=lat, lon=lon, size_m=480).single


# -- fits -------------------------------------------------------------------------------------------------------------

OF = FitFor("houses", "m", "truth.geojson", None)


def test_a_fit_brings_relevance_to_what_is_so_and_keeps_its_order():
    made = fit(sample(1600), OF)
    assert made.brier_after < made.brier_before
    assert made.ece_after < 0.06 < made.ece_before
    rising = made.fit.chance(np.linspace(0, 1, 101).astype(np.float32))
    assert (np.diff(rising) > 0).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tells": -2.0}, "would turn the order round"),
        ({"share": 0.01}, "takes at least 10 of each"),
        ({"tells": 0.0, "seed": 1}, "saying the share of positives of every tile|turn the order round"),
    ],
)
def test_a_fit_that_is_worth_nothing_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        fit(sample(**given), OF)


def test_a_fit_is_of_one_text_and_one_model_and_is_taken_away_again(tmp_path):
    catalog = Catalog(tmp_path / "catalog.sqlite")
    catalog.add_collection(Collection("town", "tiles", "m", 8, {"source": "a.tif"}, datetime.now(UTC)))
    one = Fit("houses", "m", 2.0, 1.0, "truth.geojson", 100, 30, None, "2026-01-01T00:00:00+00:00")
    keep_fits(catalog, catalog.collection("town"), {"houses": one})
    town = catalog.collection("town")
    assert town.spec["source"] == "a.tif"
    assert fit_for(town, Query(parts=(Part("text", " houses "),))) == one
    assert fit_for(town, Query(parts=(Part("text", "a house"),))) is None
    assert fit_for(town, Query(parts=(Part("text", "houses"), Part("text", "trees", -0.5)))) is None
    other = Collection("town", "tiles", "another", 8, town.spec, town.created_at)
    assert fits_of(other) == {}
    with pytest.raises(MissingError, match="no fit of 'trees'; fitted are: 'houses'"):
        drop_fits(catalog, town, ["trees"])
    assert drop_fits(catalog, town, []) == ["houses"]
    assert catalog.collection("town").spec == {"source": "a.tif"}
    with pytest.raises(MissingError, match="fitted are: none"):
        drop_fits(catalog, town, [])
    catalog.close()


def test_a_fit_to_relevance_as_it_was_told_before_is_not_applied_and_says_so(tmp_path):
    catalog = Catalog(tmp_path / "catalog.sqlite")
    facts = {"model_id": "m", "slope": 2.0, "intercept": 1.0, "truth": "t.geojson", "tiles": 100, "positives": 30}
    told = {"fitted_at": "2026-01-01T00:00:00+00:00"}
    kept = {
        "boats": {"text": "boats", "when": "2025-07-14T18:00:00"} | facts | told,  # from before constants were kept
        "houses": {"text": "houses", "when": None} | facts | told,
    }
    catalog.add_collection(Collection("town", "tiles", "m", 8, {FITS: kept}, datetime.now(UTC)))
    boats, houses = (fits_of(catalog.collection("town"))[text] for text in ("boats", "houses"))
    assert houses.holds and "relevance fitted to t.geojson" in houses.note()
    assert not boats.holds and "'boats' to t.geojson is not applied" in boats.note() and "--fit" in boats.note()
    made = fit(sample(1600), replace(OF, when="2025-07-14T18:00:00")).fit
    assert made.holds and len(made.constants) == 6
    keep_fits(catalog, catalog.collection("town"), {"boats": replace(made, text="boats", model_id="m")})
    assert fits_of(catalog.collection("town"))["boats"].holds
    catalog.close()


def test_fitted_chances_multiply_to_the_fitted_relevance():
    class Plain:
        outside = 0.0

        def judged(self, columns, query, cosine, *, when=None, rows=None):
            return Judged(np.array([0.2, 0.8, 0.0], np.float32), np.array([0.5, 1.0, 1.0], np.float32), None)

    made = Refitted(Plain(), Fit("houses", "m", 0.8, 2.0, "t", 9, 3, None, "2026"))
    cosine = np.array([0.1, 0.2, np.nan], np.float32)
    judged = made.judged(None, None, cosine)
    assert judged.relevance == pytest.approx(made.relevance(None, None, cosine), abs=1e-6)
    assert judged.relevance[2] == 0
    assert (judged.place >= judged.relevance).all()
    then = replace(made.fit, when="2025-07", constants=constants_of("2025-07"))
    assert then.note() == "relevance fitted to t at 2025-07 (3 of 9 tiles, 2026)"


# -- the command ------------------------------------------------------------------------------------------------------


ASKED = "a forest"


@pytest.fixture(scope="module")
def engine(demo):
    settings = load_settings(demo.home)
    catalog = Catalog(settings.catalog_path)
    yield Engine(settings, catalog)
    catalog.close()


@pytest.fixture(scope="module")
def forests(engine, tmp_path_factory):
    """A file of truth: a small square in tiles of the demonstration's island, mostly the likely ones; and all of it."""
    scores = engine.scores("demo", Query(parts=(Part("text", ASKED),)))
    chance = 1 / (1 + np.exp(-(scores.cosine - np.quantile(scores.cosine, 0.8)) / scores.cosine.std() * 2))
    there = np.flatnonzero(np.random.default_rng(0).random(len(chance)) < chance)
    places = [Footprint(float(scores.lat[row]), float(scores.lon[row]), 90.0).polygon for row in there]
    kinds = ["forest"] * len(places) + ["looked at"]
    around = BOX(scores.lon.min(), scores.lat.min(), scores.lon.max(), scores.lat.max())
    path = tmp_path_factory.mktemp("truth") / "forests.gpkg"
    return written(path, [*places, around], kind=kinds), len(there)


def test_the_page_of_a_collection_holds_all_of_it(engine, forests, tmp_path, monkeypatch):
    path, count = forests
    objects = read_objects(path, where=[Condition.parse("kind=forest")])
    result = evaluate_truth(engine, Plan("demo", {None: ASKED}, path.name, draws=50), objects)
    (one,) = result.as_dict()["classes"]
    assert one["positive"] == pytest.approx(count, abs=20)  # at the very edge truth is not known
    assert one["measures"]["roc_auc"]["low"] > 0.6
    assert any("average precision" in line for line in lines(result))
    page = tmp_path / "page.html"
    canvases = []

    def imagery(canvas, tiles):
        canvases.append((canvas, len(tiles)))
        return np.full((canvas.height, canvas.width, 4), 200, np.uint8)

    write_page(page, result, facts=engine.provenance("demo").facts(), backdrop=imagery)
    text = page.read_text("utf-8")
    assert text.count("data:image/png;base64,") == 2 * len(canvases) + 1
    assert sum(tiles for _, tiles in canvases) >= one["tiles"]
    assert "src=http" not in text.replace('"', "")
    assert f"“{ASKED}”" in text
    assert "too many to draw" not in text
    monkeypatch.setattr(pictures, "_MOST_VERTICES", 100)
    write_page(page, result, facts=engine.provenance("demo").facts(), backdrop=lambda canvas, tiles: None)
    assert "There is no imagery" in page.read_text("utf-8")
    assert "more objects are too many to draw" in page.read_text("utf-8")


def test_a_fit_is_kept_said_and_taken_away(groundcast, demo, forests, tmp_path):
    home = copy_of(demo.home, tmp_path / "home")
    ran = groundcast(
        *("--home", home, "evaluate", "demo", "--truth", forests[0], "--where", "kind=forest", "--text", ASKED),
        *("--draws", 20, "--fit"),
    )
    assert ran.code == 0, ran.err + ran.out
    assert "fitted: slope" in ran.out
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_path)
    engine, query = Engine(settings, catalog), Query(parts=(Part("text", ASKED),))
    fitted, version = engine.search("demo", query), engine.version(engine.tiles("demo"))
    every = engine.scores("demo", query)
    assert drop_fits(catalog, engine.tiles("demo"), [ASKED]) == [ASKED]
    plain = engine.search("demo", query)
    assert "relevance fitted to forests.gpkg" in fitted.note
    assert "fitted" not in (plain.note or "")
    assert [hit.tile_id for hit in fitted.hits] == [hit.tile_id for hit in plain.hits]
    assert [hit.relevance for hit in fitted.hits] != [hit.relevance for hit in plain.hits]
    assert all(hit.relevance <= hit.place for hit in fitted.hits)
    of_tile = dict(zip(every.tile_id, every.relevance, strict=True))
    assert [hit.relevance for hit in fitted.hits] == pytest.approx([of_tile[h.tile_id] for h in fitted.hits], abs=1e-3)
    assert version != engine.version(engine.tiles("demo"))  # what was kept of answers is not shown any more
    catalog.close()


def test_wrong_usage_of_truth_is_told_in_one_line(groundcast, demo, tmp_path):
    truth = written(tmp_path / "truth.geojson", [shapely.Point(-164.86133, 43.15183)], kind=["well"])
    far = written(tmp_path / "far.geojson", [shapely.Point(8, 50)], kind=["well"])
    all_of_it = written(tmp_path / "all.geojson", [BOX(-170, 40, -160, 46)], kind=["well"])
    evaluate = ("--home", demo.home, "evaluate", "demo")
    by_kind = ("--truth", truth, "--text", "well=a well", "--class-column", "kind")
    for arguments, said in (
        ((), "give --truth FILE to measure a collection, or SHARDS"),
        (("--truth", truth), "needs --text"),
        (("--truth", truth, "--text", "a well", "--also", "a=b"), "--also says nothing of a collection"),
        (("--truth", truth, "--text", "a well", "--min-share", "2"), "--min-share 2"),
        (("--truth", truth, "--text", "a well", "--negative-class", "x"), "--negative-class needs --class-column"),
        ((*by_kind, "--negative-class", "x"), "no such class"),
        (("--truth", truth, "--text", "a well", "-o", tmp_path / "a.pdf"), "use one of .html"),
        (("--truth", truth, "--text", "a well", "--unfit"), "--unfit only takes fits away"),
        (("--truth", truth, "--text", ""), "is empty"),
        (("--truth", far, "--text", "a well"), "holds nothing near the collection"),
        (("--truth", all_of_it, "--text", "a well"), "nothing is there to be told apart"),
        (("--unfit",), "has no fit"),
        (("--unfit", "--bbox", "0,0,1,1"), "--unfit only takes fits away: leave --bbox out"),
    ):
        ran = groundcast(*evaluate, *arguments)
        assert ran.code in (1, 2), arguments
        assert said in ran.err, (arguments, ran.err)
        assert ran.err.strip().count("\n") == 0, ran.err
        assert ran.out == ""
    ran = groundcast("--home", demo.home, "evaluate", "nowhere", "--truth", truth, "--text", "a well")
    assert (ran.code, "nowhere" in ran.err) == (1, True)
