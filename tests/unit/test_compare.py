"""Comparisons and rankings of made-up cells, computed from outcomes on disk."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from kshot.outcomes import Outcomes, outcomes_path, write_outcomes
from kshot.results import Cell, Comparison, Results, Score, load, save, sheet, summary, tables
from kshot.statistics import against, compared
from scipy import stats

EPISODES = 50
HARDNESS = np.random.default_rng(0).normal(0, 0.1, EPISODES)


def accuracies(mean: float, seed: int) -> np.ndarray:
    return np.clip(mean + HARDNESS + np.random.default_rng(seed).normal(0, 0.03, EPISODES), 0, 1)


def outcomes(values: np.ndarray) -> Outcomes:
    nothing = np.zeros(len(values), dtype=int)
    return Outcomes(values, nothing + 1, nothing, nothing, nothing, nothing + 1.0, ("a", "b"))


def cell(
    folder: Path,
    learner: str,
    values: Sequence[np.ndarray],
    *,
    seed: int = 0,
    encoder: str = "conv4",
    source: str = "glyphs",
    modality: str = "image",
    manifest: str = "sha256:one",
    keep: bool = True,
) -> Cell:
    """A finished cell with a score for each of ``values``, the shots 1, 2, …"""
    scores = [
        Score(
            way=5,
            shot=shot,
            queries=15,
            episodes=len(one),
            accuracy=one.mean(),
            ci95=0.01,
            chance=0.2,
            manifest=manifest,
        )
        for shot, one in enumerate(values, start=1)
    ]
    made = Cell(
        id=f"{learner}.{encoder}.{source}.{seed}",
        learner=learner,
        encoder=encoder,
        source=source,
        modality=modality,
        seed=seed,
        status="finished",
        scores=scores,
    )
    if keep:
        write_outcomes(outcomes_path(folder, made.id), [outcomes(one) for one in values])
    return made


def found(folder: Path, *cells: Cell) -> Results:
    return compared(Results(schema=1, name="made up", cells=list(cells)), folder)


def rows(comparison: Comparison) -> dict[str, tuple[float | None, float | None]]:
    return {row.learner: (row.difference, row.p_adjusted) for row in comparison.rows}


def test_rows_are_compared_with_the_best_over_their_seeds(tmp_path: Path) -> None:
    means = {"good": 0.70, "near": 0.699, "bad": 0.60}
    values = {
        (name, seed): accuracies(mean, 10 * seed + number)
        for number, (name, mean) in enumerate(means.items())
        for seed in range(3)
    }
    made = [cell(tmp_path, name, [one], seed=seed) for (name, seed), one in values.items()]
    [column] = found(tmp_path, *made).comparisons
    averaged = [np.mean([values[name, seed] for seed in range(3)], axis=0) for name in means]
    best = int(np.argmax([one.mean() for one in averaged]))
    for row, expected, name in zip(column.rows, against(averaged, best), means, strict=True):
        assert row.difference == pytest.approx(expected.mean)
        assert row.ci95 == pytest.approx(expected.ci95)
        assert row.p_adjusted == pytest.approx(expected.adjusted)
        over_seeds = [values[name, seed].mean() for seed in range(3)]
        low, high = stats.t.interval(0.95, 2, scale=stats.sem(over_seeds))
        assert row.seeds_ci95 == pytest.approx((high - low) / 2)
    assert [row.not_worse for row in column.rows] == [True, True, False]
    assert [(pair.one, pair.other) for pair in column.pairs] == [(0, 1), (0, 2), (1, 2)]


def test_equal_rows_are_not_worse_and_share_a_rank(tmp_path: Path) -> None:
    same = accuracies(0.7, 1)
    results = found(tmp_path, *(cell(tmp_path, name, [same, same]) for name in ("one", "other")))
    [column, _], [ranking] = results.comparisons, results.rankings
    assert rows(column) == {"one": (0, 1), "other": (0, 1)}
    assert [row.rank for row in ranking.rows] == [1.5, 1.5]


def test_other_episodes_and_missing_outcomes_are_not_compared(tmp_path: Path) -> None:
    values = [accuracies(mean, 2) for mean in (0.7, 0.6, 0.5, 0.4)]
    results = found(
        tmp_path,
        cell(tmp_path, "best", [values[0]]),
        cell(tmp_path, "compared", [values[1]]),
        cell(tmp_path, "elsewhere", [values[2]], manifest="sha256:two"),
        cell(tmp_path, "forgotten", [values[3]], keep=False),
    )
    [column] = results.comparisons
    assert {name for name, (gap, _) in rows(column).items() if gap is not None} == {"best", "compared"}
    assert [(pair.one, pair.other) for pair in column.pairs] == [(0, 1)]
    assert [row.not_worse for row in column.rows] == [True, False, False, False]


def test_a_row_is_compared_by_all_its_seeds_or_not_at_all(tmp_path: Path) -> None:
    values = [accuracies(mean, 2) for mean in (0.7, 0.6, 0.5)]
    torn = cell(tmp_path, "torn", [values[2]])
    write_outcomes(outcomes_path(tmp_path, torn.id), [outcomes(values[2][:-1])])
    results = found(
        tmp_path,
        cell(tmp_path, "best", [values[0]]),
        *(cell(tmp_path, "half", [values[1]], seed=seed, keep=seed == 0) for seed in (0, 1)),
        torn,
    )
    [column] = results.comparisons
    assert [(row.learner, row.seeds, row.difference) for row in column.rows] == [
        ("best", 1, None),
        ("half", 2, None),
        ("torn", 1, None),
    ]


@pytest.mark.parametrize(("p", "not_worse"), [(0.04, False), (0.06, True)])
def test_the_level_is_five_per_cent(tmp_path: Path, p: float, not_worse: bool) -> None:
    noise = 0.01 * (-1.0) ** np.arange(EPISODES)
    ahead = 0.01 / np.sqrt(EPISODES - 1) * stats.t.isf(p / 2, EPISODES - 1)
    values = {"good": 0.5 + ahead + noise, "bad": np.full(EPISODES, 0.5)}
    [column] = found(tmp_path, *(cell(tmp_path, name, [one]) for name, one in values.items())).comparisons
    assert column.rows[1].p_adjusted == pytest.approx(p)
    assert [row.not_worse for row in column.rows] == [True, not_worse]


def test_other_queries_are_another_column(tmp_path: Path) -> None:
    many, few = (cell(tmp_path, name, [accuracies(0.7, 2)]) for name in ("many", "few"))
    few = few.model_copy(update={"scores": [few.scores[0].model_copy(update={"queries": 5})]})
    columns = found(tmp_path, many, few).comparisons
    assert [(one.queries, [row.learner for row in one.rows]) for one in columns] == [
        (15, ["many"]),
        (5, ["few"]),
    ]


def test_every_shape_is_compared_by_its_own_episodes(tmp_path: Path) -> None:
    one, other = (accuracies(mean, 2) for mean in (0.6, 0.5))
    results = found(tmp_path, cell(tmp_path, "first", [one, other]), cell(tmp_path, "second", [other, one]))
    gap = pytest.approx(float(np.mean(other - one)))
    assert [[row.difference for row in column.rows] for column in results.comparisons] == [[0, gap], [gap, 0]]


def test_one_episode_gives_a_difference_and_no_verdict(tmp_path: Path) -> None:
    made = [cell(tmp_path, name, [np.array([value])]) for name, value in (("one", 0.4), ("other", 0.8))]
    [column] = found(tmp_path, *made).comparisons
    assert rows(column) == {"one": (pytest.approx(-0.4), None), "other": (0, None)}
    assert not any(row.not_worse for row in column.rows)


def test_a_folder_without_outcomes_keeps_its_scores(tmp_path: Path) -> None:
    results = found(tmp_path, cell(tmp_path, "one", [accuracies(0.5, 1)], keep=False))
    assert results.comparisons[0].pairs == []
    assert results.comparisons[0].rows[0].difference is None
    assert results.rankings == []


def test_ranks_are_of_rows_with_every_task(tmp_path: Path) -> None:
    one, two, three = (accuracies(mean, 3) for mean in (0.7, 0.6, 0.5))
    results = found(
        tmp_path,
        cell(tmp_path, "always", [one, two]),
        cell(tmp_path, "second", [two, one]),
        cell(tmp_path, "third", [three, three]),
        cell(tmp_path, "half", [one]),
        cell(tmp_path, "always", [one], encoder="mfcc", source="speakers", modality="audio"),
        cell(tmp_path, "second", [two], encoder="mfcc", source="speakers", modality="audio"),
    )
    images, learners = results.rankings
    assert (images.modality, images.tasks) == ("image", 2)
    assert {row.learner: row.rank for row in images.rows} == {"always": 1.5, "second": 1.5, "third": 3.0}
    assert (learners.modality, learners.tasks) == (None, 3)
    assert [(row.learner, row.encoder) for row in learners.rows] == [("always", None), ("second", None)]


def test_learners_are_ranked_with_every_encoder(tmp_path: Path) -> None:
    high, low = (accuracies(mean, 3) for mean in (0.7, 0.6))
    made = [
        cell(tmp_path, learner, [values], encoder=encoder)
        for learner, both in (("one", (high, low)), ("other", (low, high)))
        for encoder, values in zip(("conv4", "resnet12"), both, strict=True)
    ]
    [learners] = found(tmp_path, *made).rankings
    assert (learners.modality, learners.tasks) == (None, 2)
    assert {row.learner: row.rank for row in learners.rows} == {"one": 1.5, "other": 1.5}


def test_tables_and_files_show_what_was_found(tmp_path: Path) -> None:
    values = {name: accuracies(mean, 4) for name, mean in (("good", 0.700), ("bad", 0.500))}
    near = np.roll(values["good"], 1)  # as good on the whole, on other episodes
    near[0] -= 0.01
    made = [cell(tmp_path, name, [one, one], seed=seed) for name, one in values.items() for seed in (0, 1)]
    made += [cell(tmp_path, "near", [near, near], seed=seed) for seed in (0, 1)]
    results = found(tmp_path, *made)
    save(tmp_path, results)
    assert load(tmp_path) == results
    [table] = tables(results)
    good, bad, close = (row.values[0] for row in table.rows)
    assert good and bad and close
    assert (good.best, good.not_worse) == (True, False)
    assert (close.best, close.not_worse, bad.not_worse) == (False, True, False)
    assert close.text.endswith("(seeds ± 0.0) ≈")
    assert table.header[-1] == "average rank"
    assert [line[-1] for line in table.lines] == ["1.00", "3.00", "2.00"]
    text = summary(results)
    assert "≈: not significantly worse than the best" in text
    assert "seeds ± is over trainings" in text
    lines = list(csv.DictReader(io.StringIO(sheet(results))))
    assert {line["learner"]: line["row_not_worse"] for line in lines} == {
        "good": "True",
        "bad": "False",
        "near": "True",
    }
    assert {line["row_average_rank"] for line in lines if line["learner"] == "bad"} == {"3.0"}


def test_results_without_comparisons_look_as_before(tmp_path: Path) -> None:
    plain = Results(schema=1, name="old", cells=[cell(tmp_path, "one", [accuracies(0.5, 1)], keep=False)])
    assert "rank" not in summary(plain)
    assert "≈" not in summary(plain)
    assert tables(plain)[0].header == ("learner", "encoder", "glyphs 5w1s")
