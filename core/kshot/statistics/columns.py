"""How the rows of every column compare, from the outcomes that each cell of a benchmark keeps."""

from __future__ import annotations

import contextlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.errors import KshotError
from kshot.outcomes import outcomes_path, read_outcomes
from kshot.results import Cell, Compared, Comparison, Pair, Ranked, Ranking, Results, Score
from kshot.shapes import Queries
from kshot.statistics.comparison import against, all_pairs
from kshot.statistics.ranks import average_ranks, critical_difference, friedman
from kshot.statistics.seeds import seeds_interval

Accuracies = NDArray[np.floating[Any]]
LEVEL = 0.05
"""An adjusted p-value below this counts as a difference."""
Name = tuple[str, str | None]
"""A learner, with its encoder or over all."""


@dataclass(frozen=True, eq=False)
class _Scored:
    """One cell on one shape, with the accuracy of each episode where it was kept."""

    cell: Cell
    score: Score
    accuracies: Accuracies | None


def compared(found: Results, folder: Path) -> Results:
    """The same results with comparisons of the rows of every column, and rankings.

    Rows are averaged over their seeds, and compared with the best of the column on the episodes that
    both were scored on. A row whose outcomes are missing, or of other episodes, keeps its mean and its
    seeds' interval, and is compared with none.

    Args:
        found: all cells.
        folder: of the benchmark, where their outcomes lie.
    """
    columns: dict[tuple[str, str, Queries], list[_Scored]] = defaultdict(list)
    for cell in found.cells:
        for one in _scored(cell, folder):
            columns[cell.source, str(one.score.shape), one.score.queries].append(one)
    comparisons = [_comparison(entries) for entries in columns.values()]
    rankings = list(_rankings(comparisons))
    return found.model_copy(update={"comparisons": comparisons, "rankings": rankings})


def _scored(cell: Cell, folder: Path) -> Iterator[_Scored]:
    kept: list[Accuracies] = []
    if cell.scores:
        with contextlib.suppress(KshotError):  # of a version that kept none, or removed
            kept = [one.accuracy for one in read_outcomes(outcomes_path(folder, cell.id))]
    for number, score in enumerate(cell.scores):
        own = kept[number] if number < len(kept) else None
        yield _Scored(cell, score, own if own is not None and len(own) == score.episodes else None)


def _comparison(entries: Sequence[_Scored]) -> Comparison:
    groups: dict[tuple[str, str], list[_Scored]] = defaultdict(list)
    for entry in entries:
        groups[entry.cell.learner, entry.cell.encoder].append(entry)
    rows = [_row(group) for group in groups.values()]
    best = max(range(len(rows)), key=lambda index: rows[index].accuracy)
    cell, score = entries[0].cell, list(groups.values())[best][0].score
    means = {
        index: mean
        for index, group in enumerate(groups.values())
        if (mean := _mean(group, score)) is not None
    }
    pairs: list[Pair] = []
    if best in means and len(means) > 1:
        pairs = _pairs(means)
        for index, told in _against(means, best).items():
            rows[index] = rows[index].model_copy(update=told)
    return Comparison(
        source=cell.source,
        modality=cell.modality,
        shape=str(score.shape),
        queries=score.queries,
        manifest=score.manifest,
        rows=rows,
        pairs=pairs,
    )


def _row(group: Sequence[_Scored]) -> Compared:
    means = [one.score.accuracy for one in group]
    return Compared(
        learner=group[0].cell.learner,
        encoder=group[0].cell.encoder,
        accuracy=statistics.fmean(means),
        seeds=len(means),
        seeds_ci95=seeds_interval(means),
    )


def _mean(group: Sequence[_Scored], like: Score) -> Accuracies | None:
    """(E,) mean over the seeds; none unless all were scored on the episodes of ``like``, and kept them."""
    same = [
        one.accuracies
        for one in group
        if (one.score.manifest, one.score.episodes) == (like.manifest, like.episodes)
        and one.accuracies is not None
    ]
    return np.mean(same, axis=0) if len(same) == len(group) else None


def _against(means: Mapping[int, Accuracies], best: int) -> dict[int, dict[str, Any]]:
    found = against(list(means.values()), list(means).index(best))
    return {
        index: {
            "difference": one.mean,
            "ci95": one.ci95,
            "p": one.p,
            "p_adjusted": one.adjusted,
            "not_worse": one.adjusted is not None and one.adjusted >= LEVEL,
        }
        for index, one in zip(means, found, strict=True)
    }


def _pairs(means: Mapping[int, Accuracies]) -> list[Pair]:
    places = list(means)
    return [
        Pair(one=places[a], other=places[b], difference=one.mean, ci95=one.ci95, p_adjusted=one.adjusted)
        for (a, b), one in all_pairs(list(means.values())).items()
    ]


def _rankings(comparisons: Sequence[Comparison]) -> Iterator[Ranking]:
    """Of each modality its learners with encoders; over all of them the learners, encoders being tasks too."""
    for modality in dict.fromkeys(one.modality for one in comparisons):
        own = [one for one in comparisons if one.modality == modality]
        tasks = [{(row.learner, row.encoder): row.accuracy for row in one.rows} for one in own]
        yield from _ranking(modality, tasks)
    if len({row.encoder for one in comparisons for row in one.rows}) > 1:
        yield from _ranking(None, [task for one in comparisons for task in _by_encoder(one)])


def _by_encoder(comparison: Comparison) -> list[dict[Name, float]]:
    tasks: dict[str, dict[Name, float]] = defaultdict(dict)
    for row in comparison.rows:
        tasks[row.encoder][row.learner, None] = row.accuracy
    return list(tasks.values())


def _ranking(modality: str | None, tasks: Sequence[Mapping[Any, float]]) -> Iterable[Ranking]:
    """The ranking of those that have every task; none of a single one, or over a single task."""
    names = [name for name in tasks[0] if all(name in task for task in tasks)]
    if len(names) < 2 or len(tasks) < 2:
        return []
    # Rounded, so that equal rows stay equal however their seeds were averaged.
    scores = np.round([[task[name] for name in names] for task in tasks], 12)
    test = friedman(scores)
    ranked = sorted(zip(average_ranks(scores).tolist(), names, strict=True), key=lambda one: one[0])
    return [
        Ranking(
            modality=modality,
            tasks=len(tasks),
            rows=[Ranked(learner=learner, encoder=encoder, rank=rank) for rank, (learner, encoder) in ranked],
            statistic=test.statistic if test else None,
            p=test.p if test else None,
            critical_difference=critical_difference(len(names), len(tasks)),
        )
    ]
