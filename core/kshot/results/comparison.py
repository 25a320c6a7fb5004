"""How the rows of a table compare: differences on the same episodes, and ranks over tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kshot.results.entry import Count, Entry, Figure, Fraction, Interval, Text
from kshot.shapes import Queries

Probability = Annotated[float, Field(ge=0, le=1)] | None


class Compared(Entry):
    """One row of a column: a learner with an encoder, its seeds averaged.

    Attributes:
        learner: the learner's variant id.
        encoder: the encoder's variant id.
        accuracy: mean over the seeds, a fraction.
        seeds: how many were scored.
        seeds_ci95: half-width of Student's 95 % interval over the seeds; null for one.
        difference: mean over the episodes of this row minus the best one; null where outcomes are missing,
            or not over the best row's episodes.
        ci95: half-width of its 95 % interval over the episodes; null where the difference is the same on all.
        p: of a paired t-test that the difference is zero; null for a single episode.
        p_adjusted: the same after Holm's correction over all pairs of the column's rows.
        not_worse: True where that is 0.05 or more: the best row is not significantly better.
    """

    learner: Text
    encoder: Text
    accuracy: Fraction
    seeds: Count
    seeds_ci95: Interval = None
    difference: Figure = None
    ci95: Interval = None
    p: Probability = None
    p_adjusted: Probability = None
    not_worse: bool = False


class Pair(Entry):
    """Two rows of a column, as numbers into its ``rows``.

    Attributes:
        one: the first.
        other: the second.
        difference: mean over the episodes of the first minus the second.
        ci95: half-width of its 95 % interval; null where the difference is the same on all episodes.
        p_adjusted: of a paired t-test, after Holm's correction over all pairs of the column.
    """

    one: Count
    other: Count
    difference: Figure
    ci95: Interval = None
    p_adjusted: Probability = None


class Comparison(Entry):
    """One column: all that was scored on one shape of one source.

    Attributes:
        source: the source's id.
        modality: its modality.
        shape: such as ``"5w1s"``.
        queries: query examples per class.
        manifest: content hash of the episodes that rows were compared on, the best row's.
        rows: in the order of the cells.
        pairs: every two of the rows that were compared.
    """

    source: Text
    modality: Text
    shape: str
    queries: Queries
    manifest: str = ""
    rows: list[Compared] = []
    pairs: list[Pair] = []


class Ranked(Entry):
    """One row of a ranking.

    Attributes:
        learner: the learner's variant id.
        encoder: the encoder's variant id; null where learners are ranked over encoders too.
        rank: its average over the tasks; 1 is the best.
    """

    learner: Text
    encoder: Text | None = None
    rank: Annotated[float, Field(ge=1)]


class Ranking(Entry):
    """Average ranks over tasks.

    Attributes:
        modality: whose learners with encoders are ranked, over its sources and shapes; null where learners
            are ranked over all encoders, sources and shapes.
        tasks: how many each row was ranked on.
        rows: those that were scored on every task, the best first.
        statistic: Friedman's chi-squared; null with fewer than three rows or two tasks.
        p: of Friedman's test that all rows rank alike.
        critical_difference: of average ranks at the 5 % level, by Nemenyi.
    """

    modality: Text | None = None
    tasks: Count
    rows: list[Ranked]
    statistic: Figure = None
    p: Probability = None
    critical_difference: Figure = None
