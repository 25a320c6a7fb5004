"""A contact sheet: examples of several classes side by side, in one PNG picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from kshot.interfaces import Presentation
from kshot.report.panels import Box, panel_of
from kshot.report.writing import SOFT, without_glyphs, wrapped, write
from kshot.results.text import printable

_DPI: Final = 150
_MARGIN: Final = 0.25
_NAMES: Final = 1.8
"""Width of the column of the classes' names, in inches."""
_HEAD: Final = 0.66
_GAP: Final = 0.12
_NARROWEST: Final = 6.0


@dataclass(frozen=True)
class Row:
    """One class of a sheet.

    Attributes:
        name: of the class.
        note: a line below it.
        examples: of the class.
        before: others, which stand left of a line that all rows share.
    """

    name: str
    note: str
    examples: Sequence[Presentation]
    before: Sequence[Presentation] = ()


def contact_sheet(title: str, subtitle: str, rows: Sequence[Row]) -> bytes:
    """Draw a sheet as a PNG file.

    Args:
        title: what the examples are of.
        subtitle: a line below it.
        rows: one at least, with an example at least.

    Raises:
        ValueError: an example is not of the media type that it claims.
    """
    from matplotlib.figure import Figure

    examples = [example for row in rows for example in (*row.before, *row.examples)]
    panel = panel_of(examples)
    left = max(len(row.before) for row in rows)
    columns = left + max(len(row.examples) for row in rows)
    across, down = panel.width + _GAP, panel.height + _GAP
    line = _GAP if left else 0.0
    width = max(_NARROWEST, 2 * _MARGIN + _NAMES + columns * across - _GAP + line)
    height = 2 * _MARGIN + _HEAD + len(rows) * down - _GAP
    figure: Any = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    paper = figure.add_axes((0, 0, 1, 1))
    paper.axis("off")
    room = width - 2 * _MARGIN
    write(paper, _MARGIN, _MARGIN, wrapped(printable(title), room, 1, 13, "bold"), size=13, weight="bold")
    write(paper, _MARGIN, _MARGIN + 0.29, wrapped(printable(subtitle), room, 1, 8.5), size=8.5, color=SOFT)
    numbers = count()
    for j, row in enumerate(rows):
        y = _MARGIN + _HEAD + j * down
        _write_name(paper, y, row)
        start = _MARGIN + _NAMES
        places = [
            *(start + i * across for i in range(len(row.before))),
            *(start + (left + i) * across + line for i in range(len(row.examples))),
        ]
        for x in places:
            panel.draw(paper, Box(x, y, panel.width, panel.height), next(numbers))
    if left:
        x = _MARGIN + _NAMES + left * across
        paper.plot([x, x], [_MARGIN + _HEAD, height - _MARGIN], color=SOFT, lw=0.8)
    paper.set(xlim=(0, width), ylim=(height, 0))
    return _png(figure)


def _write_name(paper: Any, y: float, row: Row) -> None:
    lines = wrapped(printable(row.name), _NAMES - _GAP, 3, 9, "bold")
    write(paper, _MARGIN, y + 0.02, lines, size=9, weight="bold", linespacing=1.15)
    below = y + 0.06 + 0.16 * (lines.count("\n") + 1)
    write(paper, _MARGIN, below, row.note, size=7.5, color=SOFT)


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    with without_glyphs():
        figure.savefig(stream, format="png")
    return stream.getvalue()
