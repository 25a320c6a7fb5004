"""A plain table of one further metric: a row for each learner and encoder, a column for each source and shape."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from kshot.report.figures import NONE
from kshot.report.markup import Html, element, escape, join, name, scrolling
from kshot.report.scores import sortable
from kshot.results import Cell, labeller


def metric_grid(cells: Sequence[Cell], metric: str, title: str, written: Callable[[float], str]) -> Html:
    """The metric's means over seeds; empty where no score has it.

    Args:
        cells: of one modality.
        metric: its name in the scores.
        title: of the table.
        written: writes one value.
    """
    label = labeller(cells)
    values: dict[tuple[tuple[str, str], tuple[str, str]], list[float]] = {}
    for cell in cells:
        for score in cell.scores:
            measure = score.metrics.get(metric)
            if measure is not None and measure.mean is not None:
                place = (cell.learner, cell.encoder), (cell.source, label(score))
                values.setdefault(place, []).append(measure.mean)
    if not values:
        return Html()
    rows = dict.fromkeys(row for row, _ in values)
    columns = dict.fromkeys(column for _, column in values)
    titles = [join(name(source), escape(f" {shape}")) for source, shape in columns]
    head = element("thead", element("tr", *map(sortable, ["learner · encoder", *titles])))
    body = element(
        "tbody",
        *(_row(row, [values.get((row, column), []) for column in columns], written) for row in rows),
    )
    return scrolling(element("table", head, body, class_="plain sortable"), title)


def _row(row: tuple[str, str], found: Sequence[list[float]], written: Callable[[float], str]) -> Html:
    learner, encoder = row
    means = [statistics.fmean(own) if own else None for own in found]
    fields = [
        element("td", NONE if mean is None else written(mean), data_sort=None if mean is None else repr(mean))
        for mean in means
    ]
    title = element(
        "th",
        element("span", name(learner), class_="learner"),
        element("span", name(encoder), class_="encoder"),
        scope="row",
        data_sort=f"{learner} {encoder}",
    )
    return element("tr", title, *fields)
