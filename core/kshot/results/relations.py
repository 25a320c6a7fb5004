"""Finds what comparisons and rankings say of a cell's row."""

from __future__ import annotations

from typing import final

from kshot.results.comparison import Compared
from kshot.results.schema import Cell, Results, Score


@final
class Relations:
    """The comparisons and rankings of some results, by row."""

    def __init__(self, results: Results) -> None:
        self._compared = {
            (one.source, one.shape, one.queries, row.learner, row.encoder): row
            for one in results.comparisons
            for row in one.rows
        }
        self._ranks = {
            (one.modality, row.learner, row.encoder): row.rank for one in results.rankings for row in one.rows
        }

    def compared(self, cell: Cell, score: Score) -> Compared | None:
        """How the cell's row compares with the best of the score's column; None where that is not known."""
        return self._compared.get((cell.source, str(score.shape), score.queries, cell.learner, cell.encoder))

    def rank(self, cell: Cell) -> float | None:
        """The row's average rank in its modality; None where it was not ranked."""
        return self._ranks.get((cell.modality, cell.learner, cell.encoder))
