"""Calibration: how often a row is right where it is sure, drawn from the outcomes of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kshot.report.figures import plural
from kshot.report.frame import Frame, linear, path
from kshot.report.grid import metric_grid
from kshot.report.markup import Html, element, join, name
from kshot.report.material import Material
from kshot.report.plot import Point, curve
from kshot.results import Cell, Results, labeller
from kshot.results.text import percent
from kshot.statistics import Reliability, expected_calibration_error, reliability

_MOST = 3
"""Rows of a column that are drawn, the most accurate first."""
_OPEN = 12
"""With more drawings than this each column stays folded."""
_HEIGHT = 200.0


@dataclass(frozen=True, eq=False)
class _Row:
    """One learner with one encoder on one column, seeds pooled."""

    learner: str
    encoder: str
    accuracy: float
    found: Reliability


def calibration_section(material: Material) -> Html:
    """Calibration errors, and the reliability of the best rows of each column; empty where there is neither."""
    columns = {title: rows for title, rows in _columns(material) if rows}
    errors = _errors(material.results)
    if not columns and not errors:
        return Html()
    count = sum(map(len, columns.values()))
    heading = element("h2", "Calibration", id="calibration-title")
    lead = element(
        "p",
        "ECE, in percentage points, is the mean gap between how sure a row is and how often it is right: 15 bins "
        "of equal width, weighed by their queries. Below, queries by the confidence of their answer (the "
        "softmax's largest probability), and how many of them were answered rightly, in per cent. On the thin "
        "line a row is as right as it is sure; below the line, too sure.",
        class_="lead",
    )
    groups = [_group(source, shape, rows, count <= _OPEN) for (source, shape), rows in columns.items()]
    return join(heading, lead, *errors, *groups)


def _errors(results: Results) -> list[Html]:
    """A table of each modality: the calibration error of every row, a mean over its seeds."""
    modalities = dict.fromkeys(cell.modality for cell in results.cells)
    grids = [
        metric_grid(
            [cell for cell in results.cells if cell.modality == modality],
            "ece",
            f"Expected calibration error, {modality}",
            percent,
        )
        for modality in modalities
    ]
    return [grid for grid in grids if grid]


def _columns(material: Material) -> Iterator[tuple[tuple[str, str], list[_Row]]]:
    every = material.results.cells
    for modality in dict.fromkeys(cell.modality for cell in every):
        cells = [cell for cell in every if cell.modality == modality and cell.scores]
        label = labeller(cells)
        columns = dict.fromkeys((cell.source, label(score)) for cell in cells for score in cell.scores)
        for source, shape in columns:
            groups: dict[tuple[str, str], list[tuple[Cell, int]]] = {}
            for cell in cells:
                numbers = [i for i, score in enumerate(cell.scores) if label(score) == shape]
                if cell.source == source and numbers:
                    groups.setdefault((cell.learner, cell.encoder), []).append((cell, numbers[0]))
            yield (source, shape), _best(groups, material)


def _best(groups: dict[tuple[str, str], list[tuple[Cell, int]]], material: Material) -> list[_Row]:
    def accuracy(group: list[tuple[Cell, int]]) -> float:
        return sum(cell.scores[number].accuracy for cell, number in group) / len(group)

    rows: list[_Row] = []
    for (learner, encoder), group in sorted(groups.items(), key=lambda one: -accuracy(one[1])):
        if len(rows) == _MOST:
            break
        kept = [
            own[number]
            for cell, number in group
            if len(own := material.outcomes(cell.id)) == len(cell.scores)
        ]
        if kept:
            rows.append(_Row(learner, encoder, accuracy(group), reliability(kept)))
    return rows


def _group(source: str, shape: str, rows: Sequence[_Row], is_open: bool) -> Html:
    title = join(name(source), f" {shape}", element("span", plural(len(rows), "row"), class_="tag"))
    cards = element("div", *map(_card, rows), class_="curves")
    return element("details", element("summary", title), cards, open=is_open)


def _card(row: _Row) -> Html:
    error = expected_calibration_error(row.found)
    title = element(
        "figcaption",
        element("span", name(row.learner), class_="learner"),
        element("span", f"ECE {percent(error)}", class_="last"),
        element("span", name(f"{row.encoder} · accuracy {percent(row.accuracy)} %"), class_="encoder"),
    )
    bins = zip(row.found.count, row.found.confidence, row.found.accuracy, strict=True)
    points = [Point(float(sure), float(right)) for count, sure, right in bins if count]
    frame = Frame(linear(0.0, 1.0, _percent), linear(0.0, 1.0, _percent, most=6), _HEIGHT)
    honest = element("path", d=path([frame.place(0.0, 0.0), frame.place(1.0, 1.0)]), class_="reference")
    label = f"Reliability of {row.learner}, expected calibration error {percent(error)} percentage points"
    return element(
        "figure",
        title,
        frame.drawn(honest, *curve(frame, points), label=label, kind="accuracy"),
        class_="card",
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}"
