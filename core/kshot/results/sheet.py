"""Results as CSV for a spreadsheet: one line for each score, and for each cell without one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from kshot.results.relations import Relations
from kshot.results.schema import Cell, Results, Score
from kshot.results.text import unformula
from kshot.shapes import Range

_CELL = ("id", "learner", "encoder", "source", "modality", "seed", "status")
_SCORE = (
    "way",
    "shot",
    "queries",
    "within",
    "apart",
    "fixed",
    "episodes",
    "accuracy",
    "ci95",
    "chance",
    "batch_statistics",
    "classes",
    "manifest",
    "episodes_per_second",
)
_UNKNOWN = ("classes", "queries", "score", "manifest")
"""What was asked about unknown queries; with columns only where something was."""
_CLASSES = ("class_ci95_low", "class_ci95_high")
_COMPARED = ("accuracy", "seeds", "seeds_ci95", "difference", "ci95", "p", "p_adjusted", "not_worse")
"""Of the row that a cell belongs to: the same on the lines of all its seeds."""
_TRAIN = ("episodes", "seconds", "episodes_per_second", "parameters", "peak_memory_bytes")


def sheet(results: Results) -> str:
    """The CSV text; text that a spreadsheet would run as a formula is neutralised."""
    metrics = sorted({name for cell in results.cells for score in cell.scores for name in score.metrics})
    asked = any(score.unknown for cell in results.cells for score in cell.scores)
    unknown = _UNKNOWN if asked else ()
    relations = Relations(results)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_field(title) for title in _header(unknown, metrics)])
    for cell in results.cells:
        for score in cell.scores or [None]:
            writer.writerow([_field(value) for value in _line(cell, score, unknown, metrics, relations)])
    return stream.getvalue()


def _header(unknown: Sequence[str], metrics: list[str]) -> list[str]:
    measured = [title for name in metrics for title in (name, f"{name}_ci95")]
    trained = [f"train_{name}" for name in _TRAIN]
    compared = [f"row_{name}" for name in _COMPARED]
    return [
        "cell",
        *_CELL[1:],
        *_SCORE,
        *_CLASSES,
        *(f"unknown_{name}" for name in unknown),
        *measured,
        *compared,
        "row_average_rank",
        *trained,
        "note",
        "error",
        "options",
    ]


def _line(
    cell: Cell, score: Score | None, unknown: Sequence[str], metrics: list[str], relations: Relations
) -> list[Any]:
    row = relations.compared(cell, score) if score else None
    scored = [getattr(score, name) if score else None for name in _SCORE]
    asked = [getattr(score.unknown, name) if score and score.unknown else None for name in unknown]
    measured: list[Any] = []
    for name in metrics:
        measure = score.metrics.get(name) if score else None
        measured += [measure.mean, measure.ci95] if measure else [None, None]
    trained = [getattr(cell.train, name) for name in _TRAIN]
    options = json.dumps(cell.options, sort_keys=True, ensure_ascii=False, default=str)
    return [
        *(getattr(cell, name) for name in _CELL),
        *scored,
        *((score.class_ci95 if score else None) or (None, None)),
        *asked,
        *measured,
        *(getattr(row, name) if row else None for name in _COMPARED),
        relations.rank(cell) if score else None,
        *trained,
        cell.note,
        cell.error,
        options,
    ]


def _field(value: Any) -> Any:
    if isinstance(value, Range):  # a spreadsheet would take 5-20 for a day in May
        return f"{value.low} to {value.high}"
    return unformula(value) if isinstance(value, str) else value
