"""Relevance on collections in which what is there was planted, and on ones in which nothing is."""

from dataclasses import replace
from datetime import date, datetime, time

import numpy as np
import pytest

from benchmarks.relevance import Cases, auroc, fit
from ingest.archive.parts import Archive
from ingest.field.scorer import ExactScorer, FieldEncoder, open_scorer
from ingest.sandbox.words import PROMPTS
from search_ui.search.engine import EXACT, _best_places
from search_ui.search.likeliest import HOURS, TYPICAL, Likeliest, say_not_now
from search_ui.search.relevance.calibration import BANK, POSSIBLE, STRONG, WEAK, Calibration, chance, chance_now, grade
from search_ui.search.relevance.usual import Usual
from search_ui.search.remarks import say_likeliest
from search_ui.search.scored import Asked, Scored
from trainer.encoder import EncoderWeights
from trainer.encoding import DIMENSIONS, Month, MonthHour

DIM, N = 64, 4000
MOMENTS = [None, datetime(2025, 7, 14, 18), date(2025, 1, 3), time(6, 30)]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def encoder(dim=DIM, hidden=16):
    rng = np.random.default_rng(3)
    shapes = ((hidden, DIMENSIONS["cyclic"]), (hidden,), (dim, hidden), (dim,))
    return FieldEncoder("cyclic", EncoderWeights(*(rng.normal(0, 0.05, shape).astype(np.float32) for shape in shapes)))


def field_of(folder, vectors, e=None) -> ExactScorer:
    archive = Archive(folder / "archive", "tiles")
    for part, some in enumerate(np.array_split(np.arange(len(vectors)), max(1, len(vectors) // 1000))):
        records = [
            {
                "tile_id": f"t{i:06d}",
                "lat": 27 + i // 100 * 0.004,
                "lon": 85 + i % 100 * 0.005,
                "size_m": 480.0,
                "acquired_at": None,
                "gsd_m": 1.0,
                "valid_fraction": 1.0,
                "origin": "",
            }
            for i in some.tolist()
        ]
        archive.write(f"p-{part:06d}", records, vectors[some].astype(np.float32), {"model_id": "m"})
    return open_scorer(folder / "field", archive, model_id="m", encoder=e)


def planted(seed=0):
    """Tiles of noise, ten with a thing in them; the text for it, and for a thing which is nowhere; a bank."""
    rng = np.random.default_rng(seed)
    tiles, thing, other = unit(rng.normal(0, 1, (N, DIM))), *unit(rng.normal(0, 1, (2, DIM)))
    tiles[:10] = unit(0.5 * tiles[:10] + thing)
    other = unit(other - thing * (other @ thing))
    return tiles, thing, other, rng.normal(0, 1, (40, DIM)).astype(np.float32)


def calibrated(field, bank):
    return Calibration.of(field, bank, knows_time=field._encoder is not None)


def relevance_of(field, calibration, query, when=None, rows=None):
    return calibration.relevance(field, query, field.cosines(query, when=when, rows=rows), when=when, rows=rows)


@pytest.mark.parametrize("when", MOMENTS)
def test_what_is_there_is_strong_where_it_is_and_nothing_elsewhere(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    found = relevance_of(field, calibrated(field, bank), thing, when)
    here = np.array(field.ids()) < "t000010"
    assert (found[here] >= STRONG).all()
    assert (found[~here] < POSSIBLE).all()
    assert (found[~here] < WEAK).mean() > 0.99


def test_what_is_nowhere_is_nowhere_more_than_possible(tmp_path):
    tiles, _, other, bank = planted()
    field = field_of(tmp_path, tiles)
    found = relevance_of(field, calibrated(field, bank), other)
    assert found.max() < STRONG
    assert (found < WEAK).mean() > 0.99


def test_with_random_weights_next_to_nothing_is_strong(tmp_path):
    rng = np.random.default_rng(1)
    field = field_of(tmp_path, rng.normal(0, 1, (N, DIM)))
    calibration = calibrated(field, rng.normal(0, 1, (40, DIM)).astype(np.float32))
    found = np.stack([relevance_of(field, calibration, q) for q in unit(rng.normal(0, 1, (50, DIM)))])
    assert (found.max(axis=1) >= STRONG).mean() < 0.1
    assert (found >= POSSIBLE).mean() < 1e-3


def test_a_model_whose_cosines_are_shifted_and_squeezed_gets_the_same_relevance(tmp_path):
    tiles, thing, _, bank = planted()

    def changed(vectors, last):  # every cosine becomes (cosine + 4) / 10, about as in a model with a gap of modalities
        return np.concatenate([unit(vectors), np.full((*vectors.shape[:-1], 1), last, np.float32)], axis=-1)

    plain, gap = field_of(tmp_path / "plain", tiles), field_of(tmp_path / "gap", changed(tiles, 2.0))
    before = relevance_of(plain, calibrated(plain, bank), thing)
    after = relevance_of(gap, calibrated(gap, changed(bank, 2.0)), unit(changed(thing, 2.0)))
    assert after == pytest.approx(before, abs=0.02)  # float16 columns


@pytest.mark.parametrize("when", MOMENTS)
def test_rows_get_the_relevance_they_have_among_all_and_a_few_to_the_end(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration = calibrated(field, bank)
    every = relevance_of(field, calibration, thing, when)
    rows = np.argsort(-every)[[0, 1, 17, 300, 3999]]
    few = relevance_of(field, calibration, thing, when, rows)
    assert few[:2] == pytest.approx(every[rows[:2]], abs=1e-5) and few[:2].min() >= WEAK
    assert (every[rows[2:]] < WEAK).all()
    cosine = field.cosines(thing, when=when, rows=rows)
    assert few == pytest.approx(calibration.judged(field, thing, cosine, when=when, rows=rows).relevance, abs=1e-5)


@pytest.mark.parametrize("when", MOMENTS)
def test_the_shortcut_changes_nothing_from_weak_on(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration = calibrated(field, bank)
    cosine = field.cosines(thing, when=when)
    quick = calibration.relevance(field, thing, cosine, when=when)
    whole = calibration.judged(field, thing, cosine, when=when).relevance
    seen = (quick >= WEAK) | (whole >= WEAK)
    assert seen.any()
    assert quick[seen] == pytest.approx(whole[seen], abs=1e-5)


@pytest.mark.parametrize("when", [None, date(2025, 7, 14), time(0)])
def test_what_is_seen_at_one_hour_is_found_where_the_hour_is_open(monkeypatch, when):
    monkeypatch.setattr("search_ui.search.relevance.calibration._TO_THE_END", 0)  # as of many
    nights = Nights()
    calibration = Calibration.of(nights, np.random.default_rng(2).normal(0, 1, (40, DIM)), knows_time=True)
    query = nights.mean
    cosine = nights.cosines(query, when=when)
    quick = calibration.relevance(nights, query, cosine, when=when)
    whole = calibration.judged(nights, query, cosine, when=when).relevance
    assert whole[0] > POSSIBLE
    assert quick[0] == pytest.approx(whole[0], abs=1e-5)


def test_a_year_that_is_remembered_is_that_of_its_tile_and_its_text(tmp_path, monkeypatch):
    tiles, thing, other, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration, when = calibrated(field, bank), datetime(2025, 1, 14, 18)
    monkeypatch.setattr("search_ui.search.relevance.calibration._KEPT_WHOLE", 6)
    for query in (thing, other, thing):
        for rows in ([7, 3, 300], [3, 17, 7, 3999], [300, 7], [5, 6, 8, 9], [3, 5], [1, 2, 3, 4, 5, 6, 7], []):
            some = np.array(rows, np.int64)
            cosine = field.cosines(query, when=when, rows=some)
            told = calibration.judged(field, query, cosine, when=when, rows=some)
            fresh = calibrated(field, bank).judged(field, query, cosine, when=when, rows=some)
            for one in ("place", "now", "year"):
                assert getattr(told, one) == pytest.approx(getattr(fresh, one), abs=1e-5), (rows, one)


@pytest.mark.parametrize("when", MOMENTS[1:])
def test_relevance_is_the_product_of_the_two_regressions_of_the_evidence(tmp_path, when):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    calibration = calibrated(field, bank)
    cosine = field.cosines(thing, when=when)
    evidence = calibration.evidence(field, thing, cosine, when=when)
    judged = calibration.judged(field, thing, cosine, when=when)
    assert judged.place == pytest.approx(chance(evidence[:, :2]), abs=1e-5)
    assert judged.now == pytest.approx(chance_now(evidence[:, 2:]), abs=1e-5)


class Year:
    """Tiles whose cosine with one text comes and goes: highest in July at noon on a beach, level on a quarry."""

    n = 3

    def __init__(self):
        self.mean = unit(np.random.default_rng(0).normal(0, 1, DIM))

    def predicted(self, rows, *, when):
        return np.random.default_rng(1).normal(0, 1, (len(rows), DIM)).astype(np.float32)

    def cosines(self, query, *, when=None, rows=None):
        return self.frames(query, [when], rows=rows)[0]

    def frames(self, query, whens, *, rows=None):
        beach = [0.5 if w is None or not isinstance(w, datetime) else _summer(w) for w in whens]
        found = np.stack([beach, np.full(len(whens), 0.9), np.zeros(len(whens))], axis=1).astype(np.float32)
        return found if rows is None else found[:, rows]


def _summer(when):
    month = np.cos(2 * np.pi * (when.month - 7) / 12)
    return 0.45 + 0.25 * month + 0.2 * np.cos(2 * np.pi * (when.hour - 12) / 24)


class Weekends(Year):
    """The same beach, of which less is to be seen on working days; the 15th of July 2025 is a Tuesday."""

    def frames(self, query, whens, *, rows=None):
        found = super().frames(query, whens, rows=rows)
        months = (Month, MonthHour, type(None), time)
        works = [not isinstance(when, months) and when.weekday() < 5 for when in whens]
        return found - np.float32(0.3) * np.array(works, np.float32)[:, None]


class Nights(Year):
    """The same beach, but of something that is there at midnight in July, and at no moment hardly known of."""

    def frames(self, query, whens, *, rows=None):
        found = super().frames(query, whens)
        night = [isinstance(when, datetime) and (when.month, when.hour) == (7, 0) for when in whens]
        found[:, 0] = np.where(night, 0.3, 0.0)
        return found if rows is None else found[:, rows]


def judged_at(when, years=None):
    years = years or Year()
    calibration = Calibration.of(years, np.random.default_rng(2).normal(0, 1, (40, DIM)), knows_time=True)
    query = years.mean
    return calibration.judged(years, query, years.cosines(query, when=when), when=when)


def test_a_place_out_of_season_is_not_now_and_says_when(tmp_path):
    winter, summer = judged_at(datetime(2025, 1, 14, 3)), judged_at(datetime(2025, 7, 14, 12))
    assert winter.place[0] == pytest.approx(summer.place[0], abs=1e-3)  # a place for it at any moment
    assert winter.not_now[0] and not summer.not_now[0]
    assert winter.relevance[0] < POSSIBLE < summer.relevance[0]
    beach = winter.at(np.array([0])).likeliest()
    assert (beach.month, beach.hour) == (7, 12)
    assert beach.months[0] in (4, 5, 6) and beach.months[1] in (8, 9, 10)
    assert beach.hours[0] < 12 < beach.hours[1]


def test_what_is_there_all_the_year_is_always_now(tmp_path):
    for when in (datetime(2025, 1, 14, 3), datetime(2025, 7, 14, 12), date(2025, 1, 14), time(3)):
        judged = judged_at(when)
        assert judged.now[1] > 0.8 and not judged.not_now[1]
    assert str(judged.at(np.array([1])).likeliest()) == "at any time"


def test_no_moment_leaves_the_place_alone(tmp_path):
    judged = judged_at(None)
    assert np.array_equal(judged.relevance, judged.place)


def test_a_day_or_an_hour_alone_is_judged_by_its_best_moment():
    assert judged_at(date(2025, 7, 14)).now[0] > judged_at(date(2025, 1, 14)).now[0]
    assert judged_at(date(2025, 7, 14)).now[0] == pytest.approx(judged_at(datetime(2025, 7, 14, 12)).now[0], abs=1e-5)
    assert judged_at(time(12)).now[0] > judged_at(time(0)).now[0]


class Restless(Year):
    """One tile whose year goes from far below to far above what neutral prompts reach, which is .1."""

    n = 1

    def frames(self, query, whens, *, rows=None):
        hours = [12 if not isinstance(when, datetime) else when.hour for when in whens]
        return np.array([[0.3 if hour == 12 else 0.1 if 6 < hour < 18 else -0.9] for hour in hours], np.float32)

    def get(self, kind, bank, make):
        """What is usual, as a file of it would say."""
        none = np.zeros((DIM, DIM), np.float32)
        return Usual(none[0], none, none, 0.1)


@pytest.mark.parametrize("when", [datetime(2025, 7, 14, 8), time(8)])
def test_of_few_tiles_an_answer_never_says_nothing_above_a_hit_that_has_more(when):
    """Of one tile it said "nothing here (best relevance 0.00)", and the hit had a relevance of .22."""
    tile, one = Restless(), np.array([0])
    bank = np.random.default_rng(2).normal(0, 1, (40, DIM))
    calibration = Calibration.of(tile, bank, knows_time=True, files=tile)
    cosine = tile.cosines(tile.mean, when=when, rows=one)
    hit = calibration.judged(tile, tile.mean, cosine, when=when, rows=one).relevance
    assert hit[0] > 0.2
    assert calibration.relevance(tile, tile.mean, cosine, when=when, rows=one) == pytest.approx(hit)


def test_an_hour_alone_is_judged_on_any_weekday_and_a_day_on_its_own():
    assert judged_at(time(12), Weekends()).now[0] == pytest.approx(judged_at(time(12)).now[0], abs=1e-5)
    tuesday, sunday = (judged_at(date(2025, 7, day), Weekends()).now[0] for day in (15, 13))
    assert tuesday < sunday


class BothSides(Year):
    """Beaches north and south of the equator, whose Julys are half a year apart; the best of them is the last."""

    n = 9

    def __init__(self, *, southern):
        super().__init__()
        self.lat = np.array([-30.0] * southern + [30.0] * (self.n - southern))

    def ids(self, rows):
        return [str(row) for row in rows]

    def frames(self, query, whens, *, rows=None):
        north, best = super().frames(query, whens)[:, :1], np.arange(self.n) / 1e4
        halfway = [when if when is None else MonthHour.of(2025, (when.month + 5) % 12 + 1, when.hour) for when in whens]
        south = super().frames(query, halfway)[:, :1]
        found = (np.where(self.lat < 0, south, north) + best).astype(np.float32)
        return found if rows is None else found[:, rows]


@pytest.mark.parametrize("southern", [0, 3, 5])
def test_places_on_both_sides_of_the_equator_are_told_by_that_of_the_best(southern):
    """A mean of both years would leave July alone of the six months, or none."""
    places = BothSides(southern=southern)
    calibration = Calibration.of(places, np.random.default_rng(2).normal(0, 1, (40, DIM)), knows_time=True)
    scored = Scored(places, None, places.cosines(places.mean), Asked(places.mean, places.mean), None, EXACT)
    _, judged, likeliest = _best_places(calibration, scored, None, least=WEAK)
    north = BothSides(southern=0)
    alone = Scored(north, None, north.cosines(north.mean), Asked(north.mean, north.mean), None, EXACT)
    _, _, expected = _best_places(calibration, alone, None, least=WEAK)
    assert len(judged.place) == 9 and expected.months is not None and expected.hemisphere is None
    assert likeliest == replace(expected, hemisphere="north" if southern else None)
    assert str(likeliest) == f"{expected}, north of the equator" if southern else str(expected)


@pytest.mark.parametrize("month", [Month.of(2025, 7), MonthHour.of(2025, 7, 12)])
def test_a_month_is_judged_on_any_weekday(month):
    on_any = judged_at(month, Weekends())
    assert on_any.now[0] == pytest.approx(judged_at(month).now[0], abs=1e-5)
    assert on_any.now[0] > judged_at(datetime(2025, 7, 15, 12), Weekends()).now[0]


def test_a_model_that_knows_no_time_has_a_place_and_no_moment(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    judged = calibrated(field, bank).judged(field, thing, field.cosines(thing))
    assert judged.likeliest() is None and (judged.now == 1).all() and not judged.not_now.any()


def now_at(months, hours):
    now = np.array([0.9 if when.month in months and when.hour in hours else 0.1 for when in TYPICAL], np.float32)
    now[TYPICAL.index(MonthHour.of(2025, months[len(months) // 2], hours[len(hours) // 2]))] = 0.95
    return Likeliest.of(now)


@pytest.mark.parametrize(
    "months, hours, says",
    [
        ([5, 6, 7, 8, 9, 10], [10, 12, 14, 16, 18], "May to October, 10 to 18 h"),
        ([11, 12, 1, 2], list(HOURS), "November to February"),
        (list(range(1, 13)), [20, 22, 0, 2, 4], "20 to 4 h"),
        ([6], [6], "June, 6 h"),
        (list(range(1, 13)), list(HOURS), "at any time"),
    ],
)
def test_the_likeliest_months_and_hours_are_said_in_words(months, hours, says):
    assert str(now_at(months, hours)) == says


def hours_of(month):
    """Likely from 16 to 8 h in winter, from 20 to 4 h in summer: city lights."""
    return (20, 22, 0, 2, 4) if month in (5, 6, 7, 8) else (16, 18, 20, 22, 0, 2, 4, 6, 8)


@pytest.mark.parametrize(
    "missed, on_other_days, says",
    [
        (datetime(2025, 7, 14, 17), False, "16 to 8 h, in July 20 to 4 h"),
        (MonthHour.of(2025, 7, 17), False, "16 to 8 h, in July 20 to 4 h"),
        (datetime(2025, 7, 14, 12), False, "16 to 8 h"),  # in no span: nothing more is to be said
        (datetime(2025, 7, 14, 23), True, "16 to 8 h, on other days of the week"),
        (date(2025, 7, 14), True, "16 to 8 h, on other days of the week"),
        (datetime(2025, 1, 14, 17), False, "16 to 8 h, best in January at 22 h"),
        (None, False, "16 to 8 h"),
    ],
)
def test_a_moment_that_is_not_now_is_never_said_to_be_the_likeliest(missed, on_other_days, says):
    now = np.array([0.9 if when.hour in hours_of(when.month) else 0.1 for when in TYPICAL], np.float32)
    now[TYPICAL.index(MonthHour.of(2025, 1, 22))] = 0.95
    assert str(Likeliest.of(now, missed=missed, on_other_days=on_other_days)) == says


class Weekend(Year):
    """The same, and the quarry has people on Saturdays and Sundays alone."""

    def frames(self, query, whens, *, rows=None):
        found = super().frames(query, whens)
        for row, when in zip(found, whens, strict=True):
            told = isinstance(when, date) and not isinstance(when, Month | MonthHour)
            row[1] = 0.9 if not told or when.weekday() > 4 else 0.1
        return found if rows is None else found[:, rows]


@pytest.mark.parametrize("hour", [None, time(12)])
def test_a_thing_of_the_weekend_is_there_on_other_days_of_the_week(hour):
    monday, saturday = date(2025, 7, 14), date(2025, 7, 12)
    told = [judged_at(day if hour is None else datetime.combine(day, hour), Weekend()) for day in (monday, saturday)]
    assert told[0].now[1] < 0.5 < told[1].now[1]
    quarry = [judged.at(np.array([1])).likeliest() for judged in told]
    assert [str(one) for one in quarry] == ["at any time, on other days of the week", "at any time"]


def test_a_second_season_apart_from_the_best_is_not_bridged():
    found = now_at([4, 5, 6, 9], [12])
    assert found.months == (4, 6) and found.hours == (12, 12)


def test_not_now_and_nothing_here_are_two_sentences():
    assert say_not_now(now_at([5, 6], [12])) == "not now: here it is likeliest May to June, 12 h"
    assert "nothing here" in say_likeliest(0.03, None)
    assert "relevance 0.09)" in say_likeliest(0.0999, None)  # 0.10 would be `weak`


def test_a_higher_cosine_with_the_same_tile_is_never_less_relevant(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    calibration, cosine = calibrated(field, bank), field.cosines(thing)
    lower = calibration.relevance(field, thing, cosine)
    assert (calibration.relevance(field, thing, cosine + 0.05) >= lower).all()


def test_the_same_collection_is_calibrated_alike_every_time(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles, encoder())
    first, second = (relevance_of(field, calibrated(field, bank), thing, MOMENTS[1]) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_empty_area_has_no_relevance(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    none = np.empty(0, np.int64)
    assert relevance_of(field, calibrated(field, bank), thing, rows=none).shape == (0,)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_tiles_have_nothing_to_be_compared_with_and_are_not_strong(tmp_path, count):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, np.repeat(tiles[:1], count, axis=0))
    found = relevance_of(field, calibrated(field, bank), thing)
    assert np.isfinite(found).all() and (found < POSSIBLE).all()


def test_a_tile_without_a_cosine_has_no_relevance(tmp_path):
    tiles, thing, _, bank = planted()
    field = field_of(tmp_path, tiles)
    cosine = field.cosines(thing)
    cosine[3] = np.nan
    assert calibrated(field, bank).relevance(field, thing, cosine)[3] == 0


def test_grades_are_words_for_steps_of_relevance():
    steps = [1.0, STRONG, STRONG - 0.01, POSSIBLE, POSSIBLE - 0.01, WEAK, WEAK - 0.01, 0.0]
    assert [grade(step) for step in steps] == [*["strong"] * 2, *["possible"] * 2, *["weak"] * 2, *["nothing"] * 2]


def test_the_neutral_prompts_are_many_and_none_is_a_query_of_the_sandbox():
    asked = {text for texts in PROMPTS.values() for text in texts}
    assert len(set(BANK)) == len(BANK) >= 50
    assert not asked & set(BANK)
    assert all(text == text.strip() and text for text in BANK)


def test_the_benchmark_finds_the_regression_that_made_the_data():
    rng = np.random.default_rng(0)
    evidence = rng.normal(0, 2, (50_000, 2))
    target = 1 / (1 + np.exp(-(evidence @ [0.5, 1.5] - 3)))
    assert fit(evidence, target, np.ones(len(target))) == pytest.approx([0.5, 1.5, -3], abs=0.01)


def test_the_benchmark_counts_ties_as_half_and_leaves_the_undecided_out():
    truth = np.array([0.9, 0.9, 0.3, 0.0, 0.0])
    nothing = np.zeros(5)
    cases = Cases(**dict.fromkeys(Cases.__dataclass_fields__, nothing) | {"truth": truth})
    assert auroc(np.array([3.0, 1.0, 9.0, 1.0, 0.0]), cases, np.ones(5)) == pytest.approx((2 + 1.5) / 4)
