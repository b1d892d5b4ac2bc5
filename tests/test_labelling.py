"""Sets of labels at work: given, undone, brought in, steering, learnt from; on tiles whose vectors are known."""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import geopandas
import numpy as np
import pytest
import shapely
from labelled_tiles import DIM, small_field

from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.labels import Label
from search_ui.labels.classifier import LEAST
from search_ui.search.listings import Listings
from search_ui.search.provenance import Provenance
from search_ui.service import labelling
from search_ui.service.labelling import Labelling
from search_ui.service.learning import Learning
from trainer.errors import MissingError, ReadOnlyError, UploadError, UsageError

ASKED = {"q": "a beach", "when": "2025-07-12T14"}


@dataclass
class Engine:
    """What `Labelling` asks of an engine, of a model that knows no time."""

    catalog: Catalog
    columns: object
    now: str = "1"
    asked: list = field(default_factory=list)

    def __post_init__(self):
        self.request = Listings().request

    def field(self, _):
        return self.columns

    def version(self, _):
        return self.now

    def moment(self, _, when):
        self.asked.append(when)
        return None, None

    def query_vector(self, _, query):
        self.asked.append(query.parts[0].value)
        return np.eye(DIM, dtype=np.float32)[1]

    def provenance(self, name):
        return Provenance(collection=name, model_id="m", source="a.tif")


class Home:
    def __init__(self, folder):
        self.catalog = Catalog(folder / "catalog.sqlite")
        self.field = small_field(folder)
        self.engine = Engine(self.catalog, self.field)
        self.read_only = False
        spec = {"largest_tile_m": 480.0, "source": "a.tif"}
        found = Collection("demo", "tiles", "m", DIM, spec, datetime.now(UTC))

        def tiles(name):
            if name != "demo":
                raise MissingError(f"no collection {name!r} here")
            return found

        def require_writable():
            if self.read_only:
                raise ReadOnlyError("this groundcast is read-only")

        def picture(name):
            raise MissingError(f"no picture {name!r} here any more")

        self.labels = Labelling(self.engine, tiles=tiles, picture=picture, require_writable=require_writable)
        self.learning = Learning(self.labels)
        east = np.argsort(self.field.lon)
        self.east = [self.field.ids()[row] for row in east[::-1]]  # what is looked for grows to the east

    def learnable(self, count=12):
        """A set of so many of either side: yes in the east."""
        said = dict.fromkeys(self.east[:count], "yes") | dict.fromkeys(self.east[-count:], "no")
        return self.labels.create("s", "demo", ASKED, said)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.catalog.close()


def test_labels_are_given_changed_and_undone(home) -> None:
    made = home.labels.create("Beaches", "demo", ASKED | {"k": 9, "liked": ["x"]}, {home.east[0]: "yes"}, by="Ada")
    assert made.question == ASKED
    before = home.labels.label(made.id, home.east[:3], "no", by="Bob")
    assert [one.verdict for one in before] == ["yes"]
    assert home.labels.sets.get(made.id).counts == {"yes": 0, "no": 3, "unsure": 0}
    home.labels.restore(made.id, before, home.east[:3])
    (label,) = home.labels.sets.labels(made.id)
    row = home.field.row(home.east[0])
    assert (label.verdict, label.labelled_by, label.lat) == ("yes", "Ada", float(home.field.lat[row]))
    home.labels.label(made.id, home.east[:1], None)
    assert home.labels.sets.labels(made.id) == []
    with pytest.raises(MissingError, match="no tile 'nothing'"):
        home.labels.label(made.id, ["nothing"], "yes")


def test_a_set_of_another_grid_is_known_by_its_places(home) -> None:
    made = home.labels.create("s", "demo", {})
    row = home.field.row(home.east[0])
    lat, lon, size = (float(axis[row]) for axis in (home.field.lat, home.field.lon, home.field.size_m))
    moved = Label("of-the-old-grid", "no", lat + 1e-4, lon, size * 0.9, datetime.now(UTC), "Ada")
    home.labels.sets.change(made.id, [moved])
    assert home.labels.said(made.id) == {home.east[0]: moved}
    before = home.labels.label(made.id, home.east[:1], "yes")
    assert before == [moved]
    assert [(one.tile_id, one.verdict) for one in home.labels.sets.labels(made.id)] == [(home.east[0], "yes")]
    home.labels.restore(made.id, before, home.east[:1])
    assert home.labels.sets.labels(made.id) == [moved]
    home.labels.label(made.id, home.east[:1], None)
    assert home.labels.said(made.id) == {}


@pytest.mark.parametrize("asked", [{"photo": "0" * 32}, {"image": "0" * 32}, {"q": "a beach", "tile": "nothing"}])
def test_a_set_does_not_begin_from_what_is_not_here(home, asked) -> None:
    with pytest.raises(MissingError, match=r"no (picture|.*tile)"):
        home.labels.create("s", "demo", asked)
    assert home.labels.sets.all() == []


def test_a_box_labels_the_tiles_whose_middle_lies_in_it(home, monkeypatch) -> None:
    made = home.labels.create("s", "demo", {})
    lat, lon = home.field.lat, home.field.lon
    west, south, east, north = lon.min() - 0.001, lat.min() - 0.001, np.median(lon), np.median(lat)
    tiles, before = home.labels.label_area(made.id, shapely.box(west, south, east, north), "unsure")
    inside = (lon <= east) & (lat <= north)
    assert sorted(tiles) == sorted(np.array(home.field.ids())[inside]) and before == []
    assert home.labels.sets.get(made.id).counts["unsure"] == inside.sum()
    with pytest.raises(UsageError, match="no tile has its middle"):
        home.labels.label_area(made.id, shapely.box(0, 0, 1, 1), "yes")
    monkeypatch.setattr(labelling, "MOST_AT_ONCE", 3)
    with pytest.raises(UsageError, match="at most 3 are labelled at once"):
        home.labels.label_area(made.id, shapely.box(-180, -90, 180, 90), "yes")


def test_yes_and_no_steer_the_search_and_a_no_is_no_hit(home) -> None:
    said = {home.east[0]: "yes", home.east[1]: "no", home.east[2]: "unsure"}
    made = home.labels.create("s", "demo", {}, said)
    feedback = home.labels.feedback(made.id, "demo")
    assert (feedback.liked, feedback.disliked, feedback.no_hits) == ((home.east[0],), (home.east[1],), {home.east[1]})
    home.labels.label(made.id, home.east[3:4], "no")
    assert home.labels.feedback(made.id, "demo").no_hits == {home.east[1], home.east[3]}
    with pytest.raises(UsageError, match="are of collection 'demo', not of 'other'"):
        home.labels.feedback(made.id, "other")


def test_of_two_labels_that_have_come_to_lie_in_one_tile_the_latest_counts(home, monkeypatch) -> None:
    made = home.labels.create("s", "demo", {}, {home.east[0]: "no"})
    home.labels.label(made.id, home.east[1:2], "yes")
    one = home.field.row(home.east[0])
    monkeypatch.setattr(home.labels, "placed", lambda _, of: (home.labels.sets.labels(of), np.array([one, one])))
    feedback = home.labels.feedback(made.id, "demo")
    assert (feedback.liked, feedback.disliked) == ((home.east[0],), ())


def test_a_classifier_learns_what_the_question_does_not_know(home) -> None:
    made = home.learnable()
    learnt = home.learning.learnt(made.id)
    assert home.engine.asked == [datetime(2025, 7, 12, 14), "a beach"]
    assert learnt.assessment.classifier.area > 0.95 > learnt.assessment.question.area
    found = home.learning.probabilities(made.id)
    order = np.argsort(found.places.lon)
    assert found.probability[order[-40:]].mean() > 0.7
    assert found.probability[order[:40]].mean() < 0.3
    assert home.learning.learnt(made.id) is learnt  # kept until labels or tiles change
    home.labels.label(made.id, home.east[14:15], "no")
    assert home.learning.learnt(made.id) is not learnt
    json.dumps(learnt.as_dict())


def test_areas_travel_with_where_they_come_from(home) -> None:
    made = home.learnable()
    opened = geopandas.read_parquet(io.BytesIO(home.learning.areas_file(made.id, 0.5, ".parquet")))
    areas = home.learning.areas(made.id, 0.5)
    assert opened["area_km2"].to_list() == [one.area_km2 for one in areas] and len(areas)
    block = json.loads(home.learning.areas_file(made.id, 0.5, ".geojson"))["provenance"]
    assert block["label_set"]["question"] == ASKED and block["label_set"]["counts"]["yes"] == 12
    assert (block["threshold"], block["model_id"]) == (0.5, "m")
    assert block["classifier"]["classifier"]["interval"][0] > 0.5


def test_too_few_labels_say_how_many_more(home) -> None:
    made = home.labels.create("s", "demo", {}, dict.fromkeys(home.east[:7], "yes"))
    assert home.learning.lacking(made).endswith(f"label {LEAST} more no")
    with pytest.raises(UsageError, match="label 5 more no"):
        home.learning.probabilities(made.id)


@pytest.mark.parametrize("suffix", [".geojson", ".parquet", ".csv"])
def test_a_set_goes_out_and_comes_in_the_same(home, suffix) -> None:
    made = home.learnable()
    content = home.labels.export(made.id, suffix)
    other, taken = home.labels.bring(content, f"x{suffix}", "demo", name="other")
    assert home.labels.sets.labels(other.id) == home.labels.sets.labels(made.id)
    assert (other.question, taken.left_out) == (ASKED, {})
    with pytest.raises(UsageError, match=r"a set of labels 's'.*take another name"):
        home.labels.bring(content, f"x{suffix}", "demo")  # the file's own name is taken
    again, _ = home.labels.bring(content, f"x{suffix}", "demo", into=made.id)
    assert home.labels.sets.labels(again.id) == home.labels.sets.labels(other.id)


def test_a_bad_file_leaves_nothing(home) -> None:
    with pytest.raises(UploadError, match="on no tile"):
        home.labels.bring(b"lat,lon,label\n1,2,yes\n", "a.csv", "demo")
    assert home.labels.sets.all() == []


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"q": 5}, "q is '5'"),
        ({"also": "sand"}, "also is 'sand': it is a list"),
        ({"negative": [["x"]]}, "negative is"),
        ({"q": ["x"]}, "q is"),
        ({"q": "x" * 5_000}, "at most 4,000 characters"),
        ({"q": "x", "when": "yesterday"}, "yesterday"),
        ({"ensemble": "yes"}, "true or false"),
    ],
)
def test_a_file_whose_question_cannot_be_asked_leaves_nothing(home, question, told) -> None:
    made = home.labels.create("s", "demo", {}, {home.east[0]: "yes"})
    document = json.loads(home.labels.export(made.id, ".geojson"))
    document["provenance"]["label_set"] |= {"name": "t", "question": question}
    with pytest.raises(UploadError, match=told):
        home.labels.bring(json.dumps(document).encode(), "a.geojson", "demo")
    assert [one.name for one in home.labels.sets.all()] == ["s"]


def test_a_set_outlives_its_grid_and_says_what_was_lost(home, tmp_path) -> None:
    made = home.learnable()
    far = small_field(tmp_path / "moved", lon=-164.97, size_m=400.0)
    home.engine.columns, home.engine.now = far, "2"
    labels, rows = home.labels.placed(far, made.id)
    assert 0 < len(labels) < made.total and (rows >= 0).all()
    with pytest.raises(UsageError, match="more"):
        home.learning.learnt(made.id)


def test_a_picture_that_is_gone_leaves_the_set_without_a_question(home) -> None:
    made = home.learnable()
    gone = home.labels.sets.create("gone", "demo", {"photo": "f" * 32})
    home.labels.label(gone.id, home.east[:5], "yes")
    home.labels.label(gone.id, home.east[-5:], "no")
    assert home.learning.learnt(gone.id).assessment.question is None
    lost = home.labels.sets.create("lost", "demo", {"tile": "no more"})
    home.labels.label(lost.id, home.east[:5], "yes")
    home.labels.label(lost.id, home.east[-5:], "no")
    assert home.learning.learnt(lost.id).assessment.question is None
    assert home.learning.learnt(made.id).assessment.question is not None


def test_nothing_is_changed_where_nothing_may_be(home) -> None:
    made = home.learnable()
    home.read_only = True
    acts = [
        lambda: home.labels.create("t", "demo", {}),
        lambda: home.labels.label(made.id, home.east[:1], "no"),
        lambda: home.labels.label_area(made.id, shapely.box(-180, -90, 180, 90), "no"),
        lambda: home.labels.bring(b"lat,lon,label\n", "a.csv", "demo"),
        lambda: home.labels.rename(made.id, "t"),
        lambda: home.labels.delete(made.id),
        lambda: home.labels.restore(made.id, [], home.east[:1]),
    ]
    for act in acts:
        with pytest.raises(ReadOnlyError):
            act()
    assert home.labels.sets.all() == [made]
    assert home.learning.learnt(made.id).assessment.yeses == 12
