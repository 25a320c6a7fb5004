"""A contact sheet: examples of several classes side by side, in one PNG picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from kshot.interfaces import Presentation
from kshot.report.panels import PANELS, Box
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
        examples: of the class, one at least.
    """

    name: str
    note: str
    examples: Sequence[Presentation]


def contact_sheet(title: str, subtitle: str, rows: Sequence[Row]) -> bytes:
    """Draw a sheet as a PNG file.

    Args:
        title: what the examples are of.
        subtitle: a line below it.
        rows: one at least, all of one media type.

    Raises:
        ValueError: an example is not of the media type that it claims.
    """
    from matplotlib.figure import Figure

    examples = [example for row in rows for example in row.examples]
    panel = PANELS[examples[0].media](examples)
    columns = max(len(row.examples) for row in rows)
    across, down = panel.width + _GAP, panel.height + _GAP
    width = max(_NARROWEST, 2 * _MARGIN + _NAMES + columns * across - _GAP)
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
        for i in range(len(row.examples)):
            box = Box(_MARGIN + _NAMES + i * across, y, panel.width, panel.height)
            panel.draw(paper, box, next(numbers))
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
