"""What the figures of tables mean, a sentence for each kind that they show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kshot.results.tables import NOT_WORSE, RANK, Table


def legend(tables: Iterable[Table]) -> Iterator[str]:
    """The sentences, of what the tables show and of nothing else."""
    every = list(tables)
    rows = [row for table in every for row in table.rows]
    values = [value for row in rows for value in row.values if value]
    yield "Accuracy in per cent, mean over test episodes ± half-width of the 95 % interval."
    if any(value.not_worse for value in values):
        yield (
            f"{NOT_WORSE}: not significantly worse than the best, on the same episodes "
            "(paired t-test, Holm-adjusted p ≥ 0.05)."
        )
    if any(value.seeds > 1 for value in values):
        yield from _seeds(value.compared is not None for value in values if value.seeds > 1)
    if any(table.ranked for table in every):
        yield f"{RANK.capitalize()}: over the columns of the table, 1 is the best."
    marks = {mark for row in rows for mark in row.marks}
    if "pretrained" in marks:
        yield "Pretrained: the encoder came with weights trained on other data."
    if "untrained" in marks:
        yield "Untrained: this run trained nothing of that row."


def _seeds(compared: Iterable[bool]) -> Iterator[str]:
    yield "Means over training seeds."
    known = list(compared)
    if any(known):
        yield (
            "The first ± is over test episodes, for the seeds as trained; seeds ± is over trainings, for these "
            "episodes (Student's t)."
        )
    if not all(known):
        yield "s is the standard deviation between seeds."
