"""What changed between two collections: paired by ground, told against what is usual, and written."""

import csv
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
from made_up import island
from PIL import Image

from ingest.catalog.catalog import Collection
from ingest.field.scorer import NO_DATE
from ingest.geo.footprints import Places
from search_ui.monitor.change import changes
from search_ui.monitor.change_files import check_target, write_changes
from search_ui.monitor.comparing import monitor
from search_ui.monitor.pairing import pair
from search_ui.search.provenance import Provenance
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores
from trainer.errors import ModelMismatchError, UsageError

SIDE = 20
ASK = Query(parts=(Part("text", "a pool"),))
RISEN, SUNK = 33, 77  # tiles


def seen(day: int, *, lift: float = 0.0, moved: bool = True) -> Scores:
    """Scores of a day: noise, a light that lifts all, and two tiles that are not as the day before."""
    random = np.random.default_rng(day)
    tile_id, lat, lon, size_m = island(SIDE)
    cosine = np.random.default_rng(0).normal(0.1, 0.05, SIDE**2) + random.normal(0, 0.01, SIDE**2) + lift
    relevance = np.full(SIDE**2, 0.05)
    if moved:
        cosine[RISEN], relevance[RISEN] = cosine[RISEN] + 0.4, 0.7
    else:
        cosine[SUNK], relevance[SUNK] = cosine[SUNK] + 0.4, 0.7
    return Scores(tile_id, lat, lon, size_m, cosine.astype(np.float32), relevance.astype(np.float32), None)


@dataclass
class Two:
    """What `monitor` asks of an engine, of two collections."""

    before: Scores = field(default_factory=lambda: seen(1, moved=False))
    after: Scores = field(default_factory=lambda: seen(2, lift=0.08))
    models: tuple[str, str] = ("m", "m")
    years: tuple[int | None, int | None] = (2015, 2025)

    def tiles(self, name):
        model = self.models[name == "after"]
        return Collection(name, "tiles", model, 8, {}, datetime.now(UTC))

    def scores(self, name, query):
        return getattr(self, name)

    def field(self, collection):
        year = self.years[collection.name == "after"]
        stamp = NO_DATE if year is None else int(datetime(year, 7, 1, tzinfo=UTC).timestamp() * 1e6)
        return SimpleNamespace(acquired_us=np.full(9, stamp))


def places(*, size_m=480.0, shift_m=0.0, lat=43.0, lon=10.0, side=6):
    step = size_m / 111_000
    up, along = (axis.ravel() for axis in np.mgrid[:side, :side])
    across = step / np.cos(np.radians(lat))
    east = lon + (along * size_m + shift_m) / 111_000 / np.cos(np.radians(lat)) + 0 * across
    return Places(lat + up * step, (east + 180) % 360 - 180, np.full(side**2, size_m))


def test_tiles_of_one_grid_are_paired_one_to_one_also_across_the_antimeridian():
    for lon in (10.0, 179.99):
        found = pair(places(lon=lon), places(lon=lon))
        assert found.same_grid
        assert (found.under == found.rows[found.of]).all()
        assert found.weight == pytest.approx(np.ones(36))
        assert found.lost == 0


def test_tiles_of_another_grid_take_the_mean_of_what_lies_under_them():
    before, after = places(), places(shift_m=120.0)
    found = pair(before, after)
    assert not found.same_grid
    assert np.bincount(found.of, found.weight) == pytest.approx(np.ones(len(found.rows)), abs=1e-6)
    east = np.tile(np.arange(6.0), 6)
    inner = found.rows[found.rows % 6 < 5]
    assert found.mean(east)[np.isin(found.rows, inner)] == pytest.approx(inner % 6 + 0.25, abs=0.02)
    assert len(pair(places(), places(shift_m=300.0)).rows) == 30  # of the last column less than half is covered
    at_equator = [Places(np.zeros(len(x)), np.array(x) * 480 / 111_320, np.full(len(x), 480.0)) for x in
                  ([0.0, 0.1], [0.7], [0.45])]  # fmt: skip
    over_each_other, two_fifths, more = at_equator
    assert len(pair(over_each_other, two_fifths).rows) == 0  # .3 and .4 of it, .4 together
    assert len(pair(over_each_other, more).rows) == 1


def test_tiles_of_another_size_are_refused():
    with pytest.raises(UsageError, match="tiles before are of 480 m, those after of 40 m"):
        pair(places(), places(size_m=40.0))


def test_without_a_change_hardly_anything_is_told_and_light_that_lifts_all_is_no_change():
    told = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        before = random.normal(0.1, 0.05, 1000)
        after = before + 0.2 + random.normal(0, 0.02, 1000)
        nothing = np.zeros(1000)
        told += (changes(before, after, nothing, nothing, fdr=0.05).word != "").sum() > 0
    assert told <= 2  # with nothing to be found, at most about one time in twenty


def test_of_the_changes_told_no_more_are_none_than_was_asked_for():
    false = found = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        moved = np.arange(1000) < 60
        after = random.normal(0, 0.02, 1000) + 0.16 * moved
        told = changes(np.zeros(1000), after, np.zeros(1000), np.full(1000, 0.9), fdr=0.1).word == "appeared"
        false, found = false + (told & ~moved).sum(), found + told.sum()
    assert false / found < 0.13
    assert found / (30 * 60) > 0.85


def test_a_change_is_told_by_what_was_likely():
    before, after = np.random.default_rng(0).permutation(np.linspace(-0.01, 0.01, 100)), np.zeros(100)
    after[:4] = (0.5, 0.5, -0.5, -0.5)
    relevance = np.zeros((2, 100))
    relevance[1, 0], relevance[0, 2] = 0.9, 0.9
    found = changes(before, after, *relevance, fdr=0.05)
    assert found.word[:4].tolist() == ["appeared", "rose", "vanished", "fell"]
    assert (found.word[4:] == "").all()


def test_the_same_imagery_twice_says_that_nothing_changed():
    same = np.random.default_rng(0).normal(0, 1, 100)
    found = changes(same, same, same * 0, same * 0, fdr=0.05)
    assert (found.word == "").all()
    assert not found.z.any()
    holed = np.where(np.arange(100) == 5, np.nan, same)
    assert changes(same, holed, same * 0, same * 0, fdr=0.05).word[5] == ""
    with pytest.raises(UsageError, match="at least 30"):
        changes(same[:9], same[:9], same[:9], same[:9], fdr=0.05)
    with pytest.raises(UsageError, match="--fdr 0"):
        changes(same, same, same, same, fdr=0)


def test_what_appeared_and_vanished_is_told_and_written(tmp_path):
    found = monitor(Two(), "before", "after", ["a pool"], ASK, fdr=0.05)
    told = {row["tile_id"]: row["change"] for row in found.rows(found.texts[0])}
    assert told == {f"t{RISEN:04d}": "appeared", f"t{SUNK:04d}": "vanished"}
    assert found.texts[0].changes.shift == pytest.approx(0.08, abs=0.003)
    assert found.same_grid
    document = found.as_dict()
    assert (document["texts"][0]["appeared"], document["texts"][0]["vanished"], document["notes"]) == (1, 1, [])
    facts = Provenance(collection="after", model_id="m", source="a.tif", attribution="©").facts()
    for suffix in (".geojson", ".csv", ".parquet", ".png"):
        write_changes(tmp_path / f"c{suffix}", found, facts)
    frame = geopandas.read_file(tmp_path / "c.geojson")
    assert frame.change.tolist() == [told[name] for name in frame.tile_id]
    assert json.loads((tmp_path / "c.geojson").read_text())["provenance"]["fdr"] == 0.05
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert [row["change"] for row in rows] == frame.change.tolist()
    assert json.loads(rows[0]["provenance"])["attribution"] == "©"
    every = geopandas.read_parquet(tmp_path / "c.parquet")
    assert len(every) == SIDE**2
    assert every.z.abs().nlargest(2).index.tolist() in ([RISEN, SUNK], [SUNK, RISEN])
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width > 600


def test_several_texts_have_columns_and_panels_of_their_own(tmp_path):
    found = monitor(Two(), "before", "after", ["a pool", "=a pier"], ASK, fdr=0.05)
    write_changes(tmp_path / "c.parquet", found, {"model_id": "m"})
    assert {"z_1", "z_2", "relevance_after_2"} <= set(geopandas.read_parquet(tmp_path / "c.parquet").columns)
    strange = replace(found, tile_id=tuple(f"={name}" for name in found.tile_id))  # ids of imported tiles are anybody's
    write_changes(tmp_path / "c.csv", strange, {"model_id": "m"})
    rows = list(csv.reader((tmp_path / "c.csv").read_text().splitlines()))[1:]
    assert rows and not [cell for row in rows for cell in row if cell.startswith("=")]
    assert {"'=a pier", f"'=t{RISEN:04d}"} <= {cell for row in rows for cell in row}
    with pytest.raises(UsageError, match="too many for a picture"):
        check_target(tmp_path / "c.png", 13)
    with pytest.raises(UsageError, match="use one of"):
        check_target(tmp_path / "c.tif", 1)


@pytest.mark.parametrize(
    ("two", "error", "said"),
    [
        (Two(models=("m", "other")), ModelMismatchError, "model m, 'after' with other"),
        (Two(after=replace(seen(2), lat=seen(2).lat + 20)), UsageError, "share no ground"),
        (Two(after=Scores([], *(np.empty(0),) * 5, None, "no tile lies there")), UsageError, "no tile lies there"),
    ],
)
def test_what_cannot_be_compared_is_refused(two, error, said):
    with pytest.raises(error, match=said):
        monitor(two, "before", "after", ["a pool"], ASK, fdr=0.05)


def test_a_collection_and_itself_are_refused_and_dates_the_wrong_way_round_are_told(groundcast):
    with pytest.raises(UsageError, match="the same collection"):
        monitor(Two(), "before", "before", ["a pool"], ASK, fdr=0.05)
    (note,) = monitor(Two(years=(2025, 2015)), "before", "after", ["a pool"], ASK, fdr=0.05).notes
    assert "Give the earlier one first" in note
    assert not monitor(Two(years=(2025, None)), "before", "after", ["a pool"], ASK, fdr=0.05).notes
    ran = groundcast("monitor", "a", "b", "--text", "a pool")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert groundcast("monitor", "a", "b").code == 2
