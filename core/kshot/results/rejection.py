"""How well unknown queries were told from known ones: a table for each question that was asked."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kshot.results import text
from kshot.results.schema import Measure, Results, Score
from kshot.results.tables import labeller
from kshot.results.unknown import MEASURES, UnknownQueries

_BETTER_LOW = ("unknown_fpr95", "unknown_eer")


@dataclass(frozen=True)
class RejectionRow:
    """One learner with one encoder; measures are means over the seeds.

    Attributes:
        learner, encoder: their ids, safe to print.
        found: one measure for each title.
        best: True for the measures that no other row betters, where there are several.
    """

    learner: str
    encoder: str
    found: tuple[Measure | None, ...]
    best: tuple[bool, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Such as ``"91.0 ± 0.3"``, in per cent."""
        return tuple(
            "" if one is None or one.mean is None else text.score(one.mean, one.ci95) for one in self.found
        )


@dataclass(frozen=True)
class RejectionTable:
    """Rows that answered one question: the same episodes and unknown queries, by the same score."""

    title: str
    rows: tuple[RejectionRow, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Titles of the columns."""
        return ("learner", "encoder", *MEASURES.values())


class _Question(NamedTuple):
    """What tells one table from another: rows of different ones are not to be compared.

    Attributes:
        title: source and shape, what was asked and by which score.
        episodes: content hash of the test episodes.
        unknown: content hash of the unknown queries.
    """

    title: str
    episodes: str
    unknown: str


def rejection_tables(results: Results) -> list[RejectionTable]:
    """One for each question about unknown queries; none where no score has any."""
    label = labeller(results.cells)
    groups: dict[_Question, dict[tuple[str, str], list[Score]]] = {}
    for cell in results.cells:
        for score in cell.scores:
            if score.unknown is not None:
                asked = f"{_asked(score.unknown)}, {score.unknown.score.replace('_', ' ')}"
                title = text.printable(f"{cell.source} {label(score)}: {asked}")
                rows = groups.setdefault(_Question(title, score.manifest, score.unknown.manifest), {})
                rows.setdefault((cell.learner, cell.encoder), []).append(score)
    titles = Counter(question.title for question in groups)
    return [RejectionTable(_title(question, titles), _rows(rows)) for question, rows in groups.items()]


def rejection_legend(tables: Sequence[RejectionTable]) -> str:
    """What the figures mean; empty where there are none."""
    if not tables:
        return ""
    return (
        "In per cent, mean over test episodes ± half-width of the 95 % interval. AUROC: how often a known query "
        "looks more known than an unknown one; 50 is a guess. FPR95: unknown queries that pass where 95 % of the "
        "known do. OSCR: area under right answers among the accepted known over accepted unknown; at most the "
        "accuracy. EER: as many unknown accepted as known refused."
    )


def _title(question: _Question, titles: Mapping[str, int]) -> str:
    """Names the hashes only where other episodes, or other unknown queries, have a table of the same title."""
    if titles[question.title] == 1:
        return question.title
    episodes, unknown = (one.removeprefix("sha256:")[:12] for one in question[1:])
    return text.printable(f"{question.title} (episodes {episodes}, unknown queries {unknown})")


def _asked(unknown: UnknownQueries) -> str:
    if unknown.classes is None:
        return f"{unknown.queries} out of scope"
    return f"{unknown.classes} × {unknown.queries} unknown"


def _rows(groups: dict[tuple[str, str], list[Score]]) -> tuple[RejectionRow, ...]:
    found = [tuple(_mean(scores, name) for name in MEASURES) for scores in groups.values()]
    best = [_best([row[place] for row in found], name) for place, name in enumerate(MEASURES)]
    return tuple(
        RejectionRow(
            text.printable(learner),
            text.printable(encoder),
            measures,
            tuple(
                measure is not None and measure.mean == one
                for measure, one in zip(measures, best, strict=True)
            ),
        )
        for (learner, encoder), measures in zip(groups, found, strict=True)
    )


def _mean(scores: Sequence[Score], name: str) -> Measure | None:
    measures = [score.metrics[name] for score in scores if name in score.metrics]
    means = [one.mean for one in measures if one.mean is not None]
    halves = [one.ci95 for one in measures if one.ci95 is not None]
    if not means:
        return None
    return Measure(mean=statistics.fmean(means), ci95=statistics.fmean(halves) if halves else None)


def _best(column: Sequence[Measure | None], name: str) -> float | None:
    """The best of a column, where there are several to compare."""
    means = [one.mean for one in column if one is not None and one.mean is not None]
    if len(means) < 2:
        return None
    return min(means) if name in _BETTER_LOW else max(means)
