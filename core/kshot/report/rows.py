"""What each learner with each encoder scored on each source and shape, over the training seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kshot.results import Cell, Results, Score, labeller


@dataclass(frozen=True)
class Scored:
    """The cells of one learner, encoder and source that were scored on one shape.

    Attributes:
        shape: what the shape is called.
        found: each cell with the place of the shape among its scores.
    """

    learner: str
    encoder: str
    source: str
    modality: str
    shape: str
    found: Sequence[tuple[Cell, int]]

    @property
    def cells(self) -> list[Cell]:
        """The cells, one for each seed."""
        return [cell for cell, _ in self.found]

    @property
    def scores(self) -> list[Score]:
        """Their scores of the shape."""
        return [cell.scores[place] for cell, place in self.found]

    @property
    def accuracy(self) -> float:
        """Mean over the seeds, a fraction."""
        return statistics.fmean(score.accuracy for score in self.scores)

    @property
    def ci95(self) -> float | None:
        """Mean over the seeds of the half-width of the 95 % interval over episodes."""
        known = [score.ci95 for score in self.scores if score.ci95 is not None]
        return statistics.fmean(known) if known else None

    @property
    def title(self) -> str:
        """Whose score it is."""
        return f"{self.learner} · {self.encoder}"


def scored_rows(results: Results) -> list[Scored]:
    """All of them, in the order of the cells and of their shapes."""
    label = labeller(results.cells)
    groups: dict[tuple[str, str, str, str], list[tuple[Cell, int]]] = {}
    for cell in results.cells:
        for place, score in enumerate(cell.scores):
            key = (cell.source, label(score), cell.learner, cell.encoder)
            groups.setdefault(key, []).append((cell, place))
    return [
        Scored(learner, encoder, source, found[0][0].modality, shape, found)
        for (source, shape, learner, encoder), found in groups.items()
    ]


def first_shapes(rows: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Of each source the rows of its first shape, the best first."""
    firsts: dict[str, str] = {}
    for row in rows:
        firsts.setdefault(row.source, row.shape)
    return {
        source: sorted(
            (row for row in rows if row.source == source and row.shape == shape),
            key=lambda row: -row.accuracy,
        )
        for source, shape in firsts.items()
    }
