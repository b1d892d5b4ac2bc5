"""Measures of retrieval and of maps, the time swap, clusters."""

import numpy as np
import pytest

from trainer.errors import UsageError
from trainer.measures import metrics
from trainer.measures.clusters import kmeans, silhouette, silhouette_curve
from trainer.measures.metrics import (
    Estimate,
    Linear,
    auroc,
    average_precision,
    bootstrap,
    group_counts,
    linear_bootstrap,
    median,
    ranks,
    recalls,
    spearman,
)
from trainer.measures.time_swap import moments_apart, time_swap


def exact(statistic, n: int) -> float:
    return float(bootstrap(statistic, n, draws=2)[0])


# -- retrieval -------------------------------------------------------------------------------------------------------


def test_the_rank_is_the_number_of_better_ones_plus_one():
    random = np.random.default_rng(0)
    queries, gallery = random.normal(size=(2, 300, 16))
    cosine = (queries @ gallery.T) / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(gallery, axis=1)
    expected = (cosine > np.diag(cosine)[:, None]).sum(axis=1) + 1
    assert np.array_equal(ranks(queries, gallery, chunk=77), expected)
    assert np.array_equal(ranks(3 * queries, 0.1 * gallery), expected)


def test_a_model_that_says_the_same_of_everything_is_as_good_as_chance():
    found = ranks(np.ones((200, 8)), np.random.default_rng(0).normal(size=(200, 8)))
    assert found.mean() == pytest.approx(100.5)
    constant = ranks(np.random.default_rng(0).normal(size=(200, 8)), np.ones((200, 8)))
    assert np.all(constant == 100.5)  # not rank 1 for all of them
    measures = {k: exact(m, 200) for k, m in recalls(constant).items()}
    assert measures == {"R@1": 0, "R@5": 0, "R@10": 0, "R@50": 0, "R@100": 0, "median": 100.5}


def test_copies_in_the_gallery_share_the_middle_of_their_ranks():
    gallery = np.repeat(np.eye(4), 5, axis=0)  # each photo five times
    assert np.all(ranks(gallery, gallery) == 3)


def test_recall_counts_ranks_up_to_k_and_the_median_is_numpys():
    found = np.array([1, 2, 2, 6, 11, 51, 7.5, 400])
    measures = {k: exact(m, 8) for k, m in recalls(found).items()}
    assert measures == {"R@1": 1 / 8, "R@5": 3 / 8, "R@10": 5 / 8, "R@50": 6 / 8, "R@100": 7 / 8, "median": 6.75}


def test_queries_and_gallery_must_be_pairs():
    with pytest.raises(UsageError, match="row i of both is one pair"):
        ranks(np.ones((3, 2)), np.ones((4, 2)))


# -- bootstrap -------------------------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    values = np.random.default_rng(0).normal(size=2000)
    estimate = Estimate.of(bootstrap(metrics.mean(values), 2000))
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.1)


def test_groups_that_say_the_same_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).normal(size=200), 10)
    groups = np.repeat(np.arange(200), 10)
    alone, grouped = (Estimate.of(bootstrap(metrics.mean(values), 2000, groups=g)) for g in (None, groups))
    assert grouped.value == alone.value
    assert (grouped.high - grouped.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_same_seed_gives_the_same_draws_and_statistics_share_them():
    values = np.random.default_rng(0).normal(size=50)
    a, b = (bootstrap(metrics.mean(values), 50, draws=20, seed=3) for _ in range(2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, bootstrap(metrics.mean(values), 50, draws=20, seed=4))
    assert np.allclose(bootstrap(metrics.mean(values + 1), 50, draws=20, seed=3) - a, 1)


def test_the_median_of_a_draw_is_the_median_of_its_rows():
    values = np.array([5.0, 1, 9, 3])
    w = np.array([[1, 1, 1, 1], [0, 2, 1, 1], [4, 0, 0, 0], [0, 1, 0, 3]], float)
    expected = [np.median(np.repeat(values, row.astype(int))) for row in w]
    assert median(values)(w).tolist() == expected


def test_no_rows_give_no_number():
    estimate = Estimate.of(bootstrap(metrics.mean(np.empty(0)), 0, draws=5))
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert np.isnan(bootstrap(median(np.empty(0)), 0, draws=5)).all()
    for measure in (auroc, average_precision, spearman):
        assert np.isnan(measure(np.empty(0), np.empty(0)).value)


# -- maps ------------------------------------------------------------------------------------------------------------


def by_pairs(scores: np.ndarray, p: np.ndarray) -> float:
    """AUROC as it is defined: over all pairs of a positive and a negative."""
    higher = (scores[:, None] > scores) + 0.5 * (scores[:, None] == scores)
    both = p[:, None] * (1 - p)
    return float((higher * both).sum() / both.sum())


@pytest.mark.parametrize("levels", [4, 1000])
def test_auroc_is_the_share_of_pairs_in_the_right_order(levels: int):
    random = np.random.default_rng(1)
    scores = random.integers(0, levels, 120) / levels  # with few levels, many are equal
    for p in ((random.random(120) < 0.3).astype(float), random.random(120)):
        assert auroc(scores, p).value == pytest.approx(by_pairs(scores, p))


def test_auroc_of_the_truth_is_one_and_of_a_constant_one_half():
    truth = np.array([0, 0, 1, 1, 0, 1.0])
    assert auroc(truth, truth).value == 1
    assert auroc(np.zeros(6), truth).value == 0.5
    assert auroc(-truth, truth).value == 0
    assert np.isnan(auroc(np.arange(6), np.ones(6)).value)  # nothing to tell apart
    assert np.isnan(average_precision(np.arange(6), np.zeros(6)).value)


def test_average_precision_is_the_mean_precision_at_the_hits():
    scores, truth = np.array([9, 8, 7, 6, 5.0]), np.array([1, 0, 1, 0, 1.0])
    assert average_precision(scores, truth).value == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert average_precision(np.zeros(5), truth).value == pytest.approx(0.6)  # the share of positives


def test_rank_correlation_ignores_scale_and_shares_ranks_of_equals():
    random = np.random.default_rng(2)
    x = random.normal(size=100)
    assert spearman(x, np.exp(x)).value == pytest.approx(1)
    assert spearman(x, -x).value == pytest.approx(-1)
    assert metrics.middle_ranks([10, 20, 20, 5]).tolist() == [2, 3.5, 3.5, 1]
    a, b = np.array([1, 2, 2, 3, 4.0]), np.array([2, 1, 1, 4, 4.0])
    ra, rb = metrics.middle_ranks(a), metrics.middle_ranks(b)
    assert spearman(a, b).value == pytest.approx(np.corrcoef(ra, rb)[0, 1])


@pytest.mark.parametrize("measure", [auroc, average_precision])
@pytest.mark.parametrize("levels", [6, 10**6])
def test_the_influence_of_a_row_is_what_having_it_twice_changes(measure, levels: int):
    random = np.random.default_rng(3)
    truth = (random.random(400) < 0.3).astype(float)
    scores = np.round((truth + random.normal(size=400)) * levels / 4)
    found: Linear = measure(scores, truth)
    assert abs(found.influence.sum()) < 1e-9  # to have every row twice changes nothing
    for i in range(12):
        rows = np.append(np.arange(400), i)
        changed = measure(scores[rows], truth[rows]).value - found.value
        assert changed == pytest.approx(found.influence[i], abs=1e-4)


@pytest.mark.parametrize("measure", [auroc, average_precision, spearman])
def test_the_cheap_interval_is_that_of_drawing_rows(measure):
    random = np.random.default_rng(4)
    truth = (random.random(500) < 0.2).astype(float)
    scores = truth + random.normal(size=500)
    drawn = [random.integers(0, 500, 500) for _ in range(300)]
    low, high = np.quantile([measure(scores[rows], truth[rows]).value for rows in drawn], [0.025, 0.975])
    cheap = Estimate.of(linear_bootstrap([measure(scores, truth)], [np.arange(500)], group_counts(500)))
    assert cheap.high - cheap.low == pytest.approx(high - low, rel=0.15)
    assert cheap.low < cheap.value < cheap.high


def test_the_cheap_interval_draws_whole_groups_and_stays_within_limits():
    random = np.random.default_rng(5)
    truth = np.repeat(random.random(40) < 0.3, 20).astype(float)
    scores = np.repeat(random.normal(size=40), 20) + truth
    rows, places = np.arange(800), np.repeat(np.arange(40), 20)
    measure = auroc(scores, truth)
    alone, grouped = (
        Estimate.of(linear_bootstrap([measure], [group], group_counts(group.max() + 1))) for group in (rows, places)
    )
    assert (grouped.high - grouped.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(20), rel=0.2)
    assert linear_bootstrap([auroc(truth, truth)], [places], group_counts(40)).max() == 1


def test_the_mean_of_maps_moves_with_all_of_them():
    random = np.random.default_rng(6)
    maps = [auroc(random.normal(size=60), np.arange(60) % 2) for _ in range(3)]
    counts = group_counts(60, draws=50)
    alone = [linear_bootstrap([one], [np.arange(60)], counts) for one in maps]
    assert np.allclose(linear_bootstrap(maps, [np.arange(60)] * 3, counts), np.mean(alone, axis=0))


def test_probabilities_beyond_one_are_refused():
    with pytest.raises(UsageError, match=r"within 0\.\.1"):
        auroc([1, 2], [0, 1.5])
    with pytest.raises(UsageError, match="one length"):
        auroc([1, 2], [0, 1, 1])


# -- time swap -------------------------------------------------------------------------------------------------------


def test_pairs_are_of_one_place_at_another_hour_or_season():
    when = np.array(
        [
            "2020-07-01T12:00",  # 0: place a
            "2021-07-02T13:00",  # 1: same hour and season as 0, a year later
            "2020-07-01T23:30",  # 2: another hour
            "2020-01-02T12:00",  # 3: another season
            "2020-07-01T02:00",  # 4: another place
            "NaT",  # 5: no one knows when
        ],
        "datetime64[s]",
    )
    a, b, by_hour, by_season = moments_apart([0, 0, 0, 0, 1, 0], when)
    kinds = {frozenset(p): (h, s) for *p, h, s in zip(a, b, by_hour.tolist(), by_season.tolist(), strict=True)}
    assert kinds == {
        frozenset((0, 2)): (True, False),
        frozenset((1, 2)): (True, False),
        frozenset((0, 3)): (False, True),
        frozenset((1, 3)): (False, True),
        frozenset((2, 3)): (True, True),
    }


def test_hours_and_seasons_are_round():
    when = np.array(["2020-01-02T23:00", "2020-12-30T02:00"], "datetime64[s]")  # three hours and three days apart
    assert len(moments_apart([0, 0], when)[0]) == 0


def test_too_many_pairs_are_drawn_from():
    when = np.datetime64("2020-01-01T00") + np.arange(40).astype("timedelta64[h]") * 7
    a, b, _, _ = moments_apart(np.zeros(40, int), when, limit=50)
    assert len(a) == len(set(zip(a.tolist(), b.tolist(), strict=True))) == 50


def test_no_dates_give_no_pairs():
    assert len(moments_apart([0, 0], np.array(["NaT", "NaT"], "datetime64[s]"))[0]) == 0


def test_without_time_the_swap_is_guessing_and_with_it_right():
    random = np.random.default_rng(0)
    photos = random.normal(size=(100, 8))
    a, b = np.arange(0, 100, 2), np.arange(1, 100, 2)
    tiles = np.repeat(random.normal(size=(50, 8)), 2, axis=0)
    assert time_swap(tiles, photos, a, b).mean() == 0.5
    assert time_swap(np.ones_like(tiles), np.ones_like(photos), a, b).mean() == 0.5
    assert time_swap(photos, photos, a, b).mean() == 1.0


# -- clusters --------------------------------------------------------------------------------------------------------


def clouds(k: int, each: int = 30) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(k)
    return np.repeat(10 * np.eye(k, 12), each, axis=0) + random.normal(0, 0.3, (k * each, 12)), np.repeat(
        np.arange(k), each
    )


def test_kmeans_finds_clouds_that_stand_apart():
    x, label = clouds(6)
    found = kmeans(x, 6)
    assert len({(int(f), int(t)) for f, t in zip(found, label, strict=True)}) == 6
    assert silhouette(x, found).mean() > 0.85


def test_silhouette_is_rousseeuws():
    x = np.array([[0.0], [1], [10], [12], [30]])
    label = np.array([0, 0, 1, 1, 2])
    expected = [(11 - 1) / 11, (10 - 1) / 10, (9.5 - 2) / 9.5, (11.5 - 2) / 11.5, 0]
    assert silhouette(x, label) == pytest.approx(expected)


def test_the_curve_is_highest_at_the_true_number_of_clusters():
    curve = silhouette_curve(clouds(8)[0], (2, 4, 8, 12, 500), draws=20)
    assert max(curve, key=lambda k: curve[k].value) == 8
    assert list(curve) == [2, 4, 8, 12]  # 240 vectors have no 500 clusters
    assert curve[8].low <= curve[8].value <= curve[8].high


def test_vectors_that_are_all_the_same_can_be_clustered():
    assert silhouette(np.ones((10, 3)), kmeans(np.ones((10, 3)), 3)).tolist() == [0] * 10
