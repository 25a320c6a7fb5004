"""Curves as inline SVG, their colours left to the style sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kshot.report.frame import Frame, linear, path, spread, ticks
from kshot.report.markup import Html, element

__all__ = ["Chart", "Point", "curve", "draw", "spread", "ticks"]

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
    """One curve on its own axes.

    Attributes:
        label: what a screen reader says.
        points: in the order of x; not empty.
        x: smallest and largest x of the axis.
        y: smallest and largest y of the axis.
        x_text: writes an x of the axis.
        y_text: writes a y of the axis.
        kind: class of the drawing.
        height: in units of which the width has 320.
    """

    label: str
    points: Sequence[Point]
    x: tuple[float, float]
    y: tuple[float, float]
    x_text: Callable[[float], str]
    y_text: Callable[[float], str]
    kind: str
    height: float = 120.0


def draw(chart: Chart) -> Html:
    """The chart as an ``<svg>`` element."""
    y = linear(*chart.y, chart.y_text, most=round(chart.height / 20))
    frame = Frame(linear(*chart.x, chart.x_text), y, chart.height)
    return frame.drawn(*curve(frame, chart.points), label=chart.label, kind=chart.kind)


def curve(frame: Frame, points: Sequence[Point], title: str = "") -> list[Html]:
    """A line through points, its band and its dots.

    Args:
        frame: the axes.
        points: in the order of x; not empty.
        title: what pointing at it tells.
    """
    told = [element("title", title)] if title else []
    line = element("path", *told, d=path([frame.place(p.x, p.y) for p in points]), class_="line")
    return [_band(frame, points), line, *_dots(frame, points)]


def _band(frame: Frame, points: Sequence[Point]) -> Html:
    known = [(point, point.half) for point in points if point.half is not None]
    if len(known) < 2:
        return Html()
    upper = [frame.place(point.x, point.y + half) for point, half in known]
    lower = [frame.place(point.x, point.y - half) for point, half in reversed(known)]
    return element("path", d=path([*upper, *lower]) + "Z", class_="band")


def _dots(frame: Frame, points: Sequence[Point]) -> list[Html]:
    shown = points if len(points) <= _DOTTED else points[-1:]
    places = [frame.place(point.x, point.y) for point in shown]
    return [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.2") for x, y in places]
