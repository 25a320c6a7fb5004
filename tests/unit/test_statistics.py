"""Statistics against scipy, scikit-learn, plain loops and simulation."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kshot.outcomes import Outcomes
from kshot.statistics import (
    against,
    all_pairs,
    average_ranks,
    binned,
    class_interval,
    credit,
    critical_difference,
    difference,
    expected_calibration_error,
    friedman,
    holm,
    macro_f1,
    reliability,
    seeds_interval,
    share_interval,
    top_k,
)
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, top_k_accuracy_score


def outcomes(logits: np.ndarray, drawn: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Outcomes:
    """Of (E, Q, way) logits, (E, way) drawn classes and (E, Q) labels."""
    own = np.take_along_axis(logits, labels[..., None], axis=2)
    best = logits == logits.max(axis=2, keepdims=True)
    hit = np.take_along_axis(best, labels[..., None], axis=2)[..., 0] / best.sum(axis=2)
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    return Outcomes(
        accuracy=hit.mean(axis=1),
        queries=np.full(len(logits), logits.shape[1]),
        labels=np.take_along_axis(drawn, labels, axis=1).reshape(-1),
        predicted=np.take_along_axis(drawn, logits.argmax(axis=2), axis=1).reshape(-1),
        rank=(logits > own).sum(axis=2).reshape(-1),
        confidence=(odds.max(axis=2) / odds.sum(axis=2)).reshape(-1),
        classes=tuple(names),
        tied=(logits == own).sum(axis=2).reshape(-1),
    )


def drawn_outcomes(seed: int, episodes: int = 40, way: int = 5, classes: int = 12) -> Outcomes:
    generator = np.random.default_rng(seed)
    drawn = np.stack([generator.permutation(classes)[:way] for _ in range(episodes)])
    labels = np.tile(np.repeat(np.arange(way), 3), (episodes, 1))
    logits = generator.normal(size=(episodes, labels.shape[1], way))
    hard = generator.normal(size=classes)[drawn[np.arange(episodes)[:, None], labels]]
    logits += (1 + hard)[..., None] * (labels[..., None] == np.arange(way))
    return outcomes(logits, drawn, labels, [f"class {i}" for i in range(classes)])


def collapsed(way: int = 4) -> Outcomes:
    labels = np.tile(np.arange(way), (3, 2))
    return outcomes(np.zeros((3, 2 * way, way)), np.tile(np.arange(way), (3, 1)), labels, "abcd"[:way])


# Credit, top-k, macro F1


def test_credit_sums_to_accuracy() -> None:
    one = drawn_outcomes(0)
    np.testing.assert_array_equal(credit(one), (one.rank == 0).astype(float))
    tied = collapsed()
    assert credit(tied) == pytest.approx(0.25)
    for some in (one, tied):
        mean = np.bincount(some.episode, weights=credit(some)) / some.queries
        np.testing.assert_allclose(mean, some.accuracy)


def test_top_k_against_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(6, 20, 5))
    labels = generator.integers(0, 5, size=(6, 20))
    one = outcomes(logits, np.tile(np.arange(5), (6, 1)), labels, "abcde")
    for k in (1, 2, 3):
        expected = [
            top_k_accuracy_score(y, s, k=k, labels=range(5)) for y, s in zip(labels, logits, strict=True)
        ]
        assert top_k(one, k).tolist() == pytest.approx(expected)
    assert top_k(collapsed(), 2).tolist() == pytest.approx([0.5] * 3)


def tied_logits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(30, 20, 5) logits of which some tie, and (30, 20) labels."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 3, size=(30, 20, 5)).astype(float), generator.integers(0, 5, size=(30, 20))


def test_a_tied_query_counts_its_own_share_and_not_its_episodes() -> None:
    logits, labels = tied_logits(31)
    one = outcomes(logits, np.tile(np.arange(5), (30, 1)), labels, "abcde")
    for found, own, label in zip(credit(one), logits.reshape(-1, 5), labels.reshape(-1), strict=True):
        assert found == (own[label] == own.max()) / np.sum(own == own.max())
    np.testing.assert_allclose(np.bincount(one.episode, credit(one)) / one.queries, one.accuracy)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_of_ties_is_what_breaking_them_in_any_order_gives(k: int) -> None:
    logits, labels = tied_logits(32)
    one = outcomes(logits, np.tile(np.arange(5), (30, 1)), labels, "abcde")
    expected = np.zeros(30)
    orders = [np.array(order) for order in itertools.permutations(range(5))]
    for order in orders:  # of equal classes the first in the order goes first
        first = np.argsort(-logits[..., order], axis=-1, kind="stable")[..., :k]
        expected += (order[first] == labels[..., None]).any(axis=-1).mean(axis=-1)
    np.testing.assert_allclose(top_k(one, k), expected / len(orders))


def test_outcomes_that_do_not_tell_ties_share_an_episodes_hits() -> None:
    logits, labels = tied_logits(33)
    one = replace(outcomes(logits, np.tile(np.arange(5), (30, 1)), labels, "abcde"), tied=None)
    np.testing.assert_allclose(np.bincount(one.episode, credit(one)) / one.queries, one.accuracy)
    assert top_k(replace(collapsed(), tied=None), 2).tolist() == pytest.approx([0.5] * 3)
    exact = drawn_outcomes(34)  # no ties
    for k in (1, 2, 3):
        np.testing.assert_allclose(top_k(replace(exact, tied=None), k), top_k(exact, k))


def test_macro_f1_is_of_the_classes_pooled() -> None:
    one = drawn_outcomes(2)
    assert macro_f1(one) == pytest.approx(f1_score(one.labels, one.predicted, average="macro"))


def test_macro_f1_is_of_classes_that_were_asked_about() -> None:
    """The third was said once and never asked: it has no F1 of its own, and costs the first a right answer."""
    nothing = np.zeros(4, dtype=int)
    one = Outcomes(
        accuracy=np.array([0.75]),
        queries=np.array([4]),
        labels=np.array([0, 0, 1, 1]),
        predicted=np.array([0, 2, 1, 1]),
        rank=nothing,
        confidence=nothing + 1.0,
        classes=("a", "b", "c", "d"),
    )
    assert macro_f1(one) == pytest.approx((2 / 3 + 1) / 2)


# Calibration


def test_reliability_against_scikit_learn() -> None:
    one = drawn_outcomes(3, episodes=100)
    found = reliability([one])
    assert found.count.sum() == len(one.labels)
    filled = found.count > 0
    accuracy, confidence = calibration_curve(one.predicted == one.labels, one.confidence, n_bins=15)
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)


def test_calibration_error_of_known_bins() -> None:
    right = np.array([1, 1, 1, 0, 1, 0])  # of four queries at 0.9 three are right, of two at 0.5 one
    one = Outcomes(
        accuracy=np.array([right.mean()]),
        queries=np.array([6]),
        labels=np.zeros(6, dtype=int),
        predicted=1 - right,
        rank=1 - right,
        confidence=np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5]),
        classes=("a", "b"),
    )
    assert expected_calibration_error(reliability([one])) == pytest.approx(4 / 6 * 0.15)
    twice = expected_calibration_error(reliability([one, one]))
    assert twice == pytest.approx(4 / 6 * 0.15)


def test_a_bin_holds_its_upper_end() -> None:
    found = binned(np.array([0.25, 0.5, 0.75, 1.0]), np.array([True, False, True, True]), 4)
    assert found.count.tolist() == [1, 1, 1, 1]
    assert found.accuracy.tolist() == [1, 0, 1, 1]


def test_an_honest_classifier_is_calibrated() -> None:
    generator = np.random.default_rng(4)
    confidence = generator.uniform(0.2, 1.0, 200_000)
    right = generator.random(len(confidence)) < confidence
    one = Outcomes(
        accuracy=np.array([right.mean()]),
        queries=np.array([len(right)]),
        labels=np.zeros(len(right), dtype=int),
        predicted=1 - right.astype(int),
        rank=1 - right.astype(int),
        confidence=confidence,
        classes=("a", "b"),
    )
    assert expected_calibration_error(reliability([one])) < 0.005


# Seeds


def test_seeds_interval_against_scipy() -> None:
    means = [0.61, 0.64, 0.58]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
    assert seeds_interval(means) == pytest.approx((high - low) / 2)
    assert seeds_interval([0.6]) is None
    assert seeds_interval([0.6, 0.6]) == 0


def test_seeds_interval_covers() -> None:
    generator = np.random.default_rng(5)
    drawn = generator.normal(0.7, 0.02, size=(1000, 3))
    covered = [abs(np.mean(means) - 0.7) <= (seeds_interval(means) or 0) for means in drawn]
    assert 0.93 < np.mean(covered) < 0.97


# Classes


def test_class_interval_against_all_draws() -> None:
    """Three classes have 27 draws; with as many bootstrap draws as these can bear, quantiles agree."""
    labels = np.array([0] * 10 + [1] * 20 + [2] * 30)
    right = np.concatenate([np.arange(10) < 2, np.arange(20) < 10, np.arange(30) < 27])
    one = Outcomes(
        accuracy=np.array([right.mean()]),
        queries=np.array([60]),
        labels=labels,
        predicted=np.where(right, labels, (labels + 1) % 3),
        rank=1 - right.astype(int),
        confidence=np.ones(60),
        classes=("a", "b", "c"),
    )
    every = []
    for taken in itertools.product(range(3), repeat=3):
        queries = np.concatenate([np.flatnonzero(labels == c) for c in taken])
        every.append(right[queries].mean())
    # 27 equally likely draws: the outermost 2.5 % lie within the rarest one's 1/27.
    assert class_interval(one, draws=20_000) == pytest.approx((min(every), max(every)))


def test_class_interval_weighs_episodes_of_any_size_alike() -> None:
    """Small episodes are easy and large ones hard; against draws whose mean is taken episode by episode."""
    generator = np.random.default_rng(30)
    queries = np.array([2, 30] * 40)
    easy = np.repeat(queries == 2, queries)
    right = generator.random(len(easy)) < np.where(easy, 0.95, 0.4)
    labels = generator.integers(0, 30, len(easy))
    episode = np.repeat(np.arange(len(queries)), queries)
    one = Outcomes(
        accuracy=np.bincount(episode, weights=right) / queries,
        queries=queries,
        labels=labels,
        predicted=labels,
        rank=1 - right.astype(int),
        confidence=np.ones(len(easy)),
        classes=tuple(map(str, range(30))),
    )
    means: list[float] = []
    for _ in range(1000):
        taken = np.bincount(generator.integers(0, 30, 30), minlength=30)
        total = np.bincount(episode, weights=taken[labels]) / queries
        means.append((np.bincount(episode, weights=taken[labels] * right) / queries).sum() / total.sum())
    low, high = class_interval(one, draws=5000) or (1.0, 0.0)
    assert low < one.accuracy.mean() < high
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.006)


def test_class_interval_covers() -> None:
    """Classes differ in difficulty; the interval must hold the mean over the population they come from."""
    generator = np.random.default_rng(6)
    covered = 0
    for trial in range(200):
        rate = generator.beta(6, 2, size=40)
        labels = np.repeat(np.arange(40), 25)
        right = generator.random(1000) < rate[labels]
        one = Outcomes(
            accuracy=right.reshape(100, 10).mean(axis=1),
            queries=np.full(100, 10),
            labels=labels,
            predicted=labels,
            rank=1 - right.astype(int),
            confidence=np.ones(1000),
            classes=tuple(map(str, range(40))),
        )
        found = class_interval(one, draws=500, seed=trial)
        assert found
        covered += found[0] <= 0.75 <= found[1]
    assert 0.89 <= covered / 200 <= 0.98


def test_class_interval_is_drawn_by_its_seed() -> None:
    one = drawn_outcomes(7)
    first, again, other = (class_interval(one, draws=100, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_class_interval_takes_groups_where_it_is_given_some() -> None:
    one = drawn_outcomes(7)
    alphabets = ["x" if index < 6 else "y" for index in range(12)]
    assert class_interval(one, alphabets) != class_interval(one)
    assert class_interval(one, ["same"] * 12) is None
    assert class_interval(one, list(one.classes)) == class_interval(one)
    low, high = class_interval(one) or (1.0, 0.0)
    assert 0 <= low < one.accuracy.mean() < high <= 1


# Differences


def test_difference_against_scipy() -> None:
    generator = np.random.default_rng(8)
    one, other = generator.random(50), generator.random(50)
    found = difference(one, other)
    expected = stats.ttest_rel(one, other)
    low, high = expected.confidence_interval(0.95)
    assert found.mean == pytest.approx((one - other).mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ci95 == pytest.approx((high - low) / 2)


def test_equal_rows_do_not_differ() -> None:
    one = np.random.default_rng(9).random(30)
    by_seeds = np.mean([one, one, one], axis=0)  # rounding alone differs
    found = difference(one, by_seeds)
    assert (found.mean, found.ci95, found.p) == (0, 0, 1)
    assert [entry.adjusted for entry in against([one, one, by_seeds], 0)] == [1, 1, 1]


def test_a_constant_gap_is_a_difference() -> None:
    found = difference(np.full(10, 0.75), np.full(10, 0.5))
    assert (found.mean, found.ci95) == (0.25, None)
    assert found.p == pytest.approx(stats.binomtest(10, 10).pvalue)


def test_two_or_three_episodes_that_are_alike_by_chance_tell_nothing_apart() -> None:
    """Eight equal learners on episodes of 25 queries: the differences of some two are often all equal."""
    generator = np.random.default_rng(13)
    for episodes in (2, 3):
        false = 0
        for _ in range(100):
            ability = generator.beta(18, 2, size=episodes)
            rows = [generator.binomial(25, ability) / 25 for _ in range(8)]
            false += any((entry.adjusted or 0) < 0.05 for entry in all_pairs(rows).values())
        assert false / 100 < 0.08


def test_one_episode_tells_nothing() -> None:
    found = against([np.array([0.4]), np.array([0.9])], 1)
    assert [(entry.ci95, entry.p, entry.adjusted) for entry in found] == [(None, None, None)] * 2
    assert found[0].mean == pytest.approx(-0.5)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_its_steps_reject(p: list[float]) -> None:
    """The step-down procedure as Holm wrote it, at several levels."""
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.2):
        rejected = set[int]()
        for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[index] * (len(p) - rank) > level:
                break
            rejected.add(index)
        assert {index for index, value in enumerate(adjusted) if value <= level} == rejected


def test_the_reference_is_no_comparison() -> None:
    generator = np.random.default_rng(10)
    rows = [generator.random(40) + shift for shift in (0.0, 0.3, 0.28)]
    found = against(rows, 1)
    p = [float(stats.ttest_rel(rows[one], rows[other]).pvalue) for one, other in ((0, 1), (0, 2), (1, 2))]
    over_all_pairs = holm(p)
    assert [found[0].adjusted, found[2].adjusted] == pytest.approx([over_all_pairs[0], over_all_pairs[2]])
    assert (found[1].mean, found[1].p, found[1].adjusted) == (0, 1, 1)


def test_all_pairs_are_corrected_together() -> None:
    generator = np.random.default_rng(11)
    rows = [generator.random(40) for _ in range(4)]
    found = all_pairs(rows)
    assert list(found) == list(itertools.combinations(range(4), 2))
    p = [float(stats.ttest_rel(rows[one], rows[other]).pvalue) for one, other in found]
    assert [entry.adjusted for entry in found.values()] == pytest.approx(holm(p))


def test_all_pairs_hold_their_level() -> None:
    """Four equal learners: a false difference anywhere in at most one table of twenty."""
    generator = np.random.default_rng(12)
    false = 0
    for _ in range(300):
        rows = list(generator.normal(0.7, 0.1, size=(4, 40)) + generator.normal(0, 0.1, size=40))
        false += any((entry.adjusted or 0) < 0.05 for entry in all_pairs(rows).values())
    assert false / 300 < 0.08


# Ranks


def test_average_ranks_of_a_small_table() -> None:
    scores = np.array([[0.9, 0.8, 0.7], [0.6, 0.6, 0.5], [0.1, 0.3, 0.2]])
    assert average_ranks(scores).tolist() == pytest.approx(
        [(1 + 1.5 + 3) / 3, (2 + 1.5 + 1) / 3, (3 + 3 + 2) / 3]
    )


# Demšar 2006, table 6: AUC of four variants of C4.5 on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_the_example_of_the_paper() -> None:
    """Its average ranks, and the critical difference 1.25 that it gives for 5 %."""
    assert average_ranks(DEMSAR).tolist() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.001)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    found = friedman(DEMSAR)
    assert found is not None and found.statistic > 9.28  # the paper's 9.28 is not corrected for ties
    assert found.p < 0.03


def test_critical_differences_follow_the_published_quantiles() -> None:
    """Demšar 2006, table 5: q at 5 % for two to ten rows."""
    published = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    for rows, q in enumerate(published, start=2):
        expected = q * math.sqrt(rows * (rows + 1) / 60)
        assert critical_difference(rows, 10) == pytest.approx(expected, rel=0.001)
    with pytest.raises(ValueError, match="cannot be told apart"):
        critical_difference(1, 10)


def test_friedman_of_ties_and_of_too_little() -> None:
    tied = friedman(np.full((4, 3), 0.5))
    assert tied is not None and tied.p == 1
    assert friedman(np.ones((4, 2))) is None
    assert friedman(np.ones((1, 3))) is None


def test_importing_the_room_is_light() -> None:
    code = "import sys, kshot.statistics; print(*sorted({'scipy', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_equal_rows_rarely_look_worse_than_the_one_that_came_out_best() -> None:
    generator = np.random.default_rng(21)
    wrong = 0
    for _ in range(200):
        shared = generator.normal(size=60)
        rows = [shared + generator.normal(size=60) for _ in range(8)]
        best = int(np.argmax([row.mean() for row in rows]))
        adjusted = [one.adjusted for index, one in enumerate(against(rows, best)) if index != best]
        wrong += any(p is not None and p < 0.05 for p in adjusted)
    assert wrong <= 0.05 * 200 + 2 * (200 * 0.05 * 0.95) ** 0.5


@pytest.mark.parametrize(("right", "count"), [(0, 5), (1, 1), (9, 9), (7, 15), (199, 200)])
def test_the_interval_of_a_share_is_wilsons(right: int, count: int) -> None:
    expected = stats.binomtest(right, count).proportion_ci(method="wilson")
    assert share_interval(right / count, count) == pytest.approx(tuple(expected), abs=1e-4)
