"""Every cell with its training, speed, further metrics and options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from kshot.report.figures import count, duration, memory, rate
from kshot.report.filters import row_data
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.report.scores import sortable
from kshot.results import Cell, Results, Score, labeller
from kshot.results.tables import Labeller
from kshot.results.text import score as score_text

_OPEN = 8
"""More cells than this stay folded."""

_TITLES = ("cell", "scores", "training episodes", "time", "episodes/s", "parameters", "memory", "options")


def cells_section(results: Results) -> Html:
    """One row for each cell."""
    if not results.cells:
        return Html()
    label = labeller(results.cells)
    heading = element("h2", "All cells", id="cells-title")
    head = element("thead", element("tr", *map(sortable, _TITLES)))
    body = element("tbody", *(_row(cell, label) for cell in results.cells))
    table = scrolling(element("table", head, body, class_="plain sortable"), "All cells")
    summary = element("summary", "Training, speed, further metrics and options")
    return join(heading, element("details", summary, table, open=len(results.cells) <= _OPEN))


def _row(cell: Cell, label: Labeller) -> Html:
    train = cell.train
    notes = [element("span", remark, class_="remark") for remark in cell.remarks]
    return element(
        "tr",
        element("th", name(cell.id), *notes, scope="row", data_sort=cell.id),
        _scores(cell, label),
        element("td", _training(cell), data_sort=train.episodes),
        element("td", duration(train.seconds), data_sort=train.seconds),
        element("td", rate(train.episodes_per_second), data_sort=train.episodes_per_second),
        element("td", count(train.parameters), data_sort=train.parameters),
        element("td", memory(train.peak_memory_bytes), data_sort=train.peak_memory_bytes),
        element("td", ", ".join(_options(cell.options)), class_="options"),
        **row_data(cell.modality, cell.learner, cell.encoder),
    )


def _training(cell: Cell) -> str:
    train = cell.train
    shape = f" at {train.way}w{train.shot}s" if train.way and train.shot else ""
    first = f"{count(train.pretrain_epochs)} epochs" if train.pretrain_epochs else ""
    episodes = f"{count(train.episodes)}{shape}" if train.episodes or not first else ""
    return ", then ".join(part for part in (first, episodes) if part)


def _scores(cell: Cell, label: Labeller) -> Html:
    lines = [element("span", text, class_="line") for score in cell.scores for text in _lines(score, label)]
    if cell.status == "failed":
        lines.append(element("span", "failed", class_="line failed"))
    best = max((score.accuracy for score in cell.scores), default=None)
    return element("td", *lines, data_sort=best)


def _lines(score: Score, label: Labeller) -> Iterable[str]:
    yield f"{label(score)}: {score_text(score.accuracy, score.ci95)}"
    for metric, measure in sorted(score.metrics.items()):
        half = "" if measure.ci95 is None else f" ± {measure.ci95:.3g}"
        if measure.mean is not None:
            yield f"{label(score)} {metric}: {measure.mean:.4g}{half}"


def _options(options: dict[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _options(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={value}"
