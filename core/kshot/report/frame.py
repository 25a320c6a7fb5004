"""The axes of a drawing as inline SVG: where a value lies, grid lines and the text at them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kshot.report.markup import Html, element

WIDTH = 320.0
"""Units across; a style sheet says how wide that is on the screen."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 10.0, 8.0, 20.0
_TITLE = 13.0
"""Room below for the title of the x axis, where it has one."""

_MARKS = 5
"""Marks of a logarithmic axis at most."""

Text = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        low, high: its ends, scaled.
        marks: values with their text.
        scale: what values pass through before they are placed.
        title: what it shows; empty where the text around says so.
    """

    low: float
    high: float
    marks: Sequence[tuple[float, str]]
    scale: Callable[[float], float] = float
    title: str = ""

    def share(self, value: float) -> float:
        """Where a value lies, from 0 at the low end to 1 at the high one."""
        return (self.scale(value) - self.low) / (self.high - self.low) if self.high > self.low else 0.5


def linear(low: float, high: float, text: Text, most: int = 4) -> Axis:
    """An axis with round numbers."""
    return Axis(low, high, [(tick, text(tick)) for tick in ticks(low, high, most)])


def stepped(values: Sequence[float], text: Text, title: str = "") -> Axis:
    """A logarithmic axis with exactly these values at it, all positive."""
    low, high = math.log(min(values)), math.log(max(values))
    room = 0.06 * (high - low) or 0.5
    return Axis(low - room, high + room, [(value, text(value)) for value in values], math.log, title)


def logarithmic(values: Sequence[float], text: Text, title: str = "") -> Axis:
    """A logarithmic axis that shows ``values``; what is not positive lies at its left end, as 0."""
    logs = [math.log10(value) for value in values if value > 0]
    if not logs:
        return Axis(0.0, 0.0, [(0.0, text(0.0))], title=title)
    room = max(0.08 * (max(logs) - min(logs)), 0.12)
    low, high = min(logs) - room, max(logs) + room
    marks = [(value, text(value)) for value in _powers(low, high)]
    if all(value > 0 for value in values):
        return Axis(low, high, marks, math.log10, title)
    nothing = low - 0.12 * (high - low)

    def scale(value: float) -> float:
        return math.log10(value) if value > 0 else nothing

    return Axis(nothing - 0.04 * (high - low), high, [(0.0, text(0.0)), *marks], scale, title)


def _powers(low: float, high: float) -> list[float]:
    """Round numbers whose logarithms lie between two, as many as have room beside one another."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for steps, stride in (
        (tuple(range(1, 10)), 1),
        ((1, 2, 3, 5, 7), 1),
        ((1, 2, 5), 1),
        ((1, 3), 1),
        ((1,), 1),
        ((1,), 2),
        ((1,), 3),
    ):
        found = [step * 10.0**power for power in decades if power % stride == 0 for step in steps]
        inside = [value for value in found if low <= math.log10(value) <= high]
        if len(inside) <= _MARKS:
            break
    return inside or [10 ** ((low + high) / 2)]


@dataclass(frozen=True)
class Frame:
    """Two axes around a drawing of some height, in units of which the width has 320."""

    x: Axis
    y: Axis
    height: float = 120.0

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The units across and down of a value; beyond the y axis' ends it stays at them."""
        return self._across(x), self._down(y)

    def drawn(self, *marks: Html, label: str, kind: str) -> Html:
        """Marks in their axes.

        Args:
            marks: SVG elements.
            label: what a screen reader says.
            kind: class of the drawing.
        """
        return element(
            "svg",
            *(self._grid_line(value, text) for value, text in self.y.marks),
            *(self._mark(value, text) for value, text in self.x.marks),
            *([self._x_title()] if self.x.title else []),
            *marks,
            viewBox=f"0 0 {WIDTH:g} {self.height:g}",
            role="img",
            aria_label=label,
            class_=f"chart {kind}",
        )

    @property
    def _floor(self) -> float:
        return self.height - _BOTTOM - (_TITLE if self.x.title else 0)

    def _grid_line(self, value: float, text: str) -> Html:
        y = self._down(value)
        line = element("line", x1=f"{_LEFT:g}", x2=f"{WIDTH - _RIGHT:g}", y1=f"{y:.1f}", y2=f"{y:.1f}")
        label = element("text", text, x=f"{_LEFT - 5:g}", y=f"{y + 3.5:.1f}", text_anchor="end")
        return element("g", line, label, class_="grid")

    def _across(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * self.x.share(value)

    def _down(self, value: float) -> float:
        return _TOP + (self._floor - _TOP) * (1 - min(1.0, max(0.0, self.y.share(value))))

    def _mark(self, value: float, text: str) -> Html:
        x = self._across(value)
        side = "end" if x > WIDTH - _RIGHT - 8 else "middle"
        return element("text", text, x=f"{x:.1f}", y=f"{self._floor + 15:g}", text_anchor=side, class_="tick")

    def _x_title(self) -> Html:
        middle = _LEFT + (WIDTH - _LEFT - _RIGHT) / 2
        return element("text", self.x.title, x=f"{middle:g}", y=f"{self.height - 4:g}", text_anchor="middle")


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


def path(places: Sequence[tuple[float, float]]) -> str:
    """A polygonal line's ``d``."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
