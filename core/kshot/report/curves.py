"""Learning curves: validation accuracy and training loss of each cell, on a source's common axes."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.report.figures import count, plural
from kshot.report.markup import Html, element, join, name
from kshot.report.plot import Chart, Point, draw, spread
from kshot.results import Cell, Results
from kshot.results.text import percent

_OPEN = 12
"""With more curves than this each source stays folded."""


def curves_section(results: Results) -> Html:
    """The curves of all cells that have one, by source; empty where none has."""
    cells = [cell for cell in results.cells if _accuracies(cell) or _losses(cell)]
    if not cells:
        return Html()
    groups = [
        _group(source, [cell for cell in cells if cell.source == source], len(cells) <= _OPEN)
        for source in dict.fromkeys(cell.source for cell in cells)
    ]
    heading = element("h2", "Learning curves", id="curves-title")
    lead = element(
        "p",
        "Over training episodes: ",
        element("span", "validation accuracy", class_="key accuracy"),
        " in per cent with its 95\u00a0% interval, and ",
        element("span", "training loss", class_="key loss"),
        ". Accuracy axes are shared within a source.",
        class_="lead",
    )
    return join(heading, lead, *groups)


def _group(source: str, cells: Sequence[Cell], is_open: bool) -> Html:
    last = max(point.episodes for cell in cells for point in cell.curve)
    accuracies = [edge for cell in cells for point in _accuracies(cell) for edge in _edges(point)]
    low, high = spread(accuracies) if accuracies else (0.0, 1.0)
    cards = [_card(cell, (0.0, float(last)), (max(0.0, low), min(1.0, high))) for cell in cells]
    title = join(name(source), element("span", plural(len(cells), "curve"), class_="tag"))
    return element(
        "details", element("summary", title), element("div", *cards, class_="curves"), open=is_open
    )


def _card(cell: Cell, x: tuple[float, float], y: tuple[float, float]) -> Html:
    accuracies, losses = _accuracies(cell), _losses(cell)
    last = [element("span", f"{percent(accuracies[-1].y)} %", class_="last")] if accuracies else []
    title = element(
        "figcaption",
        element("span", name(cell.learner), class_="learner"),
        *last,
        element("span", name(f"{cell.encoder} · seed {cell.seed}"), class_="encoder"),
    )
    charts: list[Html] = []
    if accuracies:
        charts.append(draw(_accuracy_chart(accuracies, x, y)))
    if losses:
        charts.append(draw(_loss_chart(losses, x)))
    return element("figure", title, *charts, class_="card")


def _accuracy_chart(points: Sequence[Point], x: tuple[float, float], y: tuple[float, float]) -> Chart:
    label = f"Validation accuracy from {percent(points[0].y)} to {percent(points[-1].y)} per cent"
    return Chart(label, points, x, y, _episodes, _percent, "accuracy", 124)


def _loss_chart(points: Sequence[Point], x: tuple[float, float]) -> Chart:
    label = f"Training loss from {points[0].y:.3g} to {points[-1].y:.3g}"
    return Chart(label, points, x, spread([p.y for p in points]), _episodes, "{:.3g}".format, "loss", 92)


def _accuracies(cell: Cell) -> list[Point]:
    return [Point(p.episodes, p.accuracy, p.ci95) for p in cell.curve if p.accuracy is not None]


def _losses(cell: Cell) -> list[Point]:
    return [Point(p.episodes, p.loss) for p in cell.curve if p.loss is not None]


def _edges(point: Point) -> tuple[float, float]:
    half = point.half or 0.0
    return point.y - half, point.y + half


def _episodes(number: float) -> str:
    return count(round(number))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}"
