"""A small line chart as inline SVG, its colours left to the style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kshot.report.markup import Html, element

_WIDTH = 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 10.0, 8.0, 20.0
_DOTTED = 16
"""Up to this many points each gets a dot."""


@dataclass(frozen=True)
class Point:
    """A point of a curve, with the half-width of its interval where it has one."""

    x: float
    y: float
    half: float | None = None


@dataclass(frozen=True)
class Chart:
    """What to draw.

    Attributes:
        label: what a screen reader says.
        points: in the order of x; not empty.
        x: smallest and largest x of the axis.
        y: smallest and largest y of the axis.
        x_text: writes an x of the axis.
        y_text: writes a y of the axis.
        kind: class of the drawing.
        height: in units of which the width has 320.
        reference: points of a thin line to compare with.
    """

    label: str
    points: Sequence[Point]
    x: tuple[float, float]
    y: tuple[float, float]
    x_text: Callable[[float], str]
    y_text: Callable[[float], str]
    kind: str
    height: float = 120.0
    reference: Sequence[Point] = ()


def draw(chart: Chart) -> Html:
    """The chart as an ``<svg>`` element."""
    grid = [_grid_line(chart, tick) for tick in ticks(*chart.y, most=round(chart.height / 20))]
    marks = [_x_tick(chart, tick) for tick in ticks(*chart.x)]
    return element(
        "svg",
        *grid,
        *marks,
        *_reference(chart),
        _band(chart),
        element("path", d=_path([_place(chart, p.x, p.y) for p in chart.points]), class_="line"),
        *_dots(chart),
        viewBox=f"0 0 {_WIDTH:g} {chart.height:g}",
        role="img",
        aria_label=chart.label,
        class_=f"chart {chart.kind}",
    )


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers between ``low`` and ``high``, at most ``most`` of them."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    for step in (power, 2 * power, 2.5 * power, 5 * power, 10 * power, 20 * power):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [index * step for index in range(first, last + 1)] or [low]
    return [low, high]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis that shows ``values``: theirs, with a little room."""
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _place(chart: Chart, x: float, y: float) -> tuple[float, float]:
    across = _WIDTH - _LEFT - _RIGHT
    down = chart.height - _TOP - _BOTTOM
    return (
        _LEFT + across * share(x, chart.x),
        _TOP + down * (1 - min(1.0, max(0.0, share(y, chart.y)))),
    )


def share(value: float, axis: tuple[float, float]) -> float:
    """How far a value lies along an axis, 0 … 1 inside it; the middle of an axis without length."""
    low, high = axis
    return (value - low) / (high - low) if high > low else 0.5


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _grid_line(chart: Chart, tick: float) -> Html:
    _, y = _place(chart, chart.x[0], tick)
    line = element("line", x1=f"{_LEFT:g}", x2=f"{_WIDTH - _RIGHT:g}", y1=f"{y:.1f}", y2=f"{y:.1f}")
    label = element("text", chart.y_text(tick), x=f"{_LEFT - 5:g}", y=f"{y + 3.5:.1f}", text_anchor="end")
    return element("g", line, label, class_="grid")


def _x_tick(chart: Chart, tick: float) -> Html:
    x, _ = _place(chart, tick, chart.y[0])
    side = "end" if x > _WIDTH - _RIGHT - 8 else "middle"
    return element(
        "text", chart.x_text(tick), x=f"{x:.1f}", y=f"{chart.height - 5:g}", text_anchor=side, class_="tick"
    )


def _band(chart: Chart) -> Html:
    known = [(point, point.half) for point in chart.points if point.half is not None]
    if len(known) < 2:
        return Html()
    upper = [_place(chart, point.x, point.y + half) for point, half in known]
    lower = [_place(chart, point.x, point.y - half) for point, half in reversed(known)]
    return element("path", d=_path([*upper, *lower]) + "Z", class_="band")


def _reference(chart: Chart) -> list[Html]:
    places = [_place(chart, point.x, point.y) for point in chart.reference]
    return [element("path", d=_path(places), class_="reference")] if places else []


def _dots(chart: Chart) -> list[Html]:
    shown = chart.points if len(chart.points) <= _DOTTED else chart.points[-1:]
    places = [_place(chart, point.x, point.y) for point in shown]
    return [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.2") for x, y in places]
