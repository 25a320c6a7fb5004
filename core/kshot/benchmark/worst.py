"""The episodes in which all went worst, found in what was kept of every query and drawn again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from kshot import results
from kshot.benchmark.data import Data
from kshot.benchmark.drawing import Drawing
from kshot.benchmark.plan import Plan, PlannedCell
from kshot.errors import KshotError
from kshot.outcomes import OUTCOMES, Outcomes, read_outcomes

EPISODES: Final = 3
"""Worst episodes that are kept of each source."""
SUPPORT: Final = 2
QUERIES: Final = 2
"""Examples of a class that are kept of each; the report holds them all."""


@dataclass(frozen=True, eq=False)
class _Scored:
    """A finished cell with what it said in the episodes of its first shape."""

    cell: PlannedCell
    outcomes: Outcomes

    @property
    def row(self) -> tuple[str, str]:
        return self.cell.learner.id, self.cell.encoder.id

    @property
    def accuracy(self) -> float:
        return float(self.outcomes.accuracy.mean())


def keep_worst(plan: Plan, data: Data, folder: Path, found: results.Results) -> None:
    """Write the worst episodes of every source that was scored.

    They are sought among the episodes of the first shape of a source's first finished cell; cells
    that were scored on others, and those whose outcomes are not there, have no say.

    Args:
        plan: what was run.
        data: its sources.
        folder: where the results lie.
        found: the results.

    Raises:
        KshotError: a source cannot be read, or the folder cannot be written.
    """
    entries = {cell.id: cell for cell in found.cells if cell.status == "finished" and cell.scores}
    for source in {cell.source.id: cell.source for cell in plan.to_run()}.values():
        cells = [cell for cell in plan.cells if cell.source.id == source.id and cell.id in entries]
        scored = _comparable(folder, cells, entries)
        if scored:
            results.save_worst(folder, source.id, _worst(scored, data))


def _comparable(
    folder: Path, cells: Sequence[PlannedCell], entries: Mapping[str, results.Cell]
) -> list[_Scored]:
    """The cells that were asked about the same episodes."""
    scored: list[_Scored] = []
    manifest = entries[cells[0].id].scores[0].manifest if cells else ""
    for cell in cells:
        if entries[cell.id].scores[0].manifest != manifest:
            continue
        try:
            outcomes = read_outcomes(folder / "cells" / cell.id / OUTCOMES)
        except KshotError:  # of an earlier version, or deleted to save room
            continue
        scored.append(_Scored(cell, outcomes[0]))
    return scored


def _worst(scored: Sequence[_Scored], data: Data) -> list[results.Sample]:
    accuracy = np.stack([one.outcomes.accuracy for one in scored]).mean(axis=0)
    lowest = np.argsort(accuracy, kind="stable")[:EPISODES].tolist()
    first, best = scored[0].cell, _best(scored)
    evaluate = first.settings.evaluate
    sampler = data.sampler(first.source, "test", evaluate.all_shapes()[0], evaluate.seed)
    drawing = Drawing(first.source, data.source(first.source), sampler, SUPPORT, QUERIES)
    ends = np.cumsum(best.outcomes.queries)
    return [
        drawing.answered(number, best.outcomes.predicted[start:stop]).model_copy(
            update={"accuracy": float(accuracy[number]), "answered_by": " · ".join(best.row)}
        )
        for number in lowest
        if accuracy[number] < 1
        for stop in [int(ends[number])]
        for start in [stop - int(best.outcomes.queries[number])]
    ]


def _best(scored: Sequence[_Scored]) -> _Scored:
    """The first cell of the learner and encoder with the highest accuracy over their seeds."""
    rows = dict.fromkeys(one.row for one in scored)
    groups = [[one for one in scored if one.row == row] for row in rows]
    return max(groups, key=lambda group: float(np.mean([one.accuracy for one in group])))[0]
