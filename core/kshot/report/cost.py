"""Cost against accuracy: what training time and parameters buy."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from kshot.report.frame import Frame, linear, logarithmic, spread
from kshot.report.markup import Html, element, join, name
from kshot.report.palette import Palette
from kshot.report.rows import Scored, first_shapes, scored_rows
from kshot.results import Cell, Results
from kshot.results.text import percent

_HEIGHT = 190.0

Cost = Callable[[Cell], float]


def cost_section(results: Results) -> Html:
    """Two drawings for each source that was scored; empty without any."""
    sources = first_shapes(scored_rows(results))
    if not sources:
        return Html()
    palette = Palette(results)
    heading = element("h2", "Cost against accuracy", id="cost-title")
    lead = element(
        "p",
        "Accuracy in per cent on the first shape of each source, against time and size on logarithmic "
        "axes. A colour is a learner, a mark an encoder; time is that of pretraining and training on the "
        "machine named below, 0 where nothing was trained.",
        class_="lead",
    )
    cards = [_card(source, rows, palette) for source, rows in sources.items()]
    return join(heading, lead, palette.learners(), element("div", *cards, class_="charts"))


def _card(source: str, rows: Sequence[Scored], palette: Palette) -> Html:
    title = element("figcaption", element("span", name(source), class_="learner"), rows[0].shape)
    drawn = [
        _scatter(source, rows, palette, _seconds, "training time", _time_text),
        _scatter(source, rows, palette, _parameters, "parameters", _count_text),
    ]
    encoders = dict.fromkeys(row.encoder for row in rows)
    return element("figure", title, *drawn, palette.marks(encoders), class_="card")


def _scatter(
    source: str,
    rows: Sequence[Scored],
    palette: Palette,
    cost: Cost,
    what: str,
    text: Callable[[float], str],
) -> Html:
    costs = [statistics.fmean(cost(cell) for cell in row.cells) for row in rows]
    low, high = spread([row.accuracy for row in rows])
    y = linear(max(0.0, low), min(1.0, high), lambda share: f"{100 * share:.3g}", most=6)
    frame = Frame(logarithmic(costs, text, title=what), y, _HEIGHT)
    marks = [_mark(frame, row, value, text, palette) for row, value in zip(rows, costs, strict=True)]
    return frame.drawn(*marks, label=f"Accuracy on {source} against {what}", kind="scatter")


def _mark(frame: Frame, row: Scored, cost: float, text: Callable[[float], str], palette: Palette) -> Html:
    x, y = frame.place(cost, row.accuracy)
    told = element("title", f"{row.title}: {percent(row.accuracy)} %, {text(cost)}")
    return element(
        "path",
        told,
        d=palette.mark(row.encoder),
        transform=f"translate({x:.1f} {y:.1f})",
        class_=palette.colour(row.learner),
    )


def _seconds(cell: Cell) -> float:
    return (cell.train.seconds or 0.0) + (cell.train.pretrain_seconds or 0.0)


def _parameters(cell: Cell) -> float:
    return float(cell.train.parameters or 0)


def _time_text(seconds: float) -> str:
    for least, size, unit in ((3 * 3600, 3600, "h"), (600, 60, "min")):
        if seconds >= least:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.3g} s" if seconds else "0"


def _count_text(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"
