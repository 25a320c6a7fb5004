"""A dot-and-whisker drawing as inline SVG: values with their intervals, a line of the table each."""

from __future__ import annotations

from kshot.report.markup import Html, element

_WIDTH, _HEIGHT, _EDGE = 240.0, 20.0, 6.0


def whisker(value: float, half: float | None, axis: tuple[float, float], label: str) -> Html:
    """One dot with its interval, on an axis with a rule at zero.

    Args:
        value: where the dot stands.
        half: half-width of the interval; None for a dot alone.
        axis: smallest and largest value of the drawing; all lines of a table share it.
        label: what a screen reader says.
    """
    reach = half or 0.0
    left, right = _place(value - reach, axis), _place(value + reach, axis)
    middle = f"{_HEIGHT / 2:g}"
    zero = f"{_place(0.0, axis):.1f}"
    rule = element("line", x1=zero, x2=zero, y1="0", y2=f"{_HEIGHT:g}")
    return element(
        "svg",
        element("g", rule, class_="grid"),
        element("line", x1=f"{left:.1f}", x2=f"{right:.1f}", y1=middle, y2=middle, class_="line"),
        element("circle", cx=f"{_place(value, axis):.1f}", cy=middle, r="3.5"),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=label,
        class_="chart whisker",
    )


def _place(value: float, axis: tuple[float, float]) -> float:
    low, high = axis
    share = (value - low) / (high - low) if high > low else 0.5
    return _EDGE + (_WIDTH - 2 * _EDGE) * share
