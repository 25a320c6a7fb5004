"""A contact sheet: examples of several classes side by side, in one PNG picture."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
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

    sheet = _Sheet(rows)
    line = _GAP if sheet.left else 0.0
    width = max(_NARROWEST, 2 * _MARGIN + _NAMES + sum(sheet.widths) + len(sheet.widths) * _GAP - _GAP + line)
    down = sheet.height + _GAP
    height = 2 * _MARGIN + _HEAD + len(rows) * down - _GAP
    figure: Any = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    paper = figure.add_axes((0, 0, 1, 1))
    paper.axis("off")
    room = width - 2 * _MARGIN
    write(paper, _MARGIN, _MARGIN, wrapped(printable(title), room, 1, 13, "bold"), size=13, weight="bold")
    write(paper, _MARGIN, _MARGIN + 0.29, wrapped(printable(subtitle), room, 1, 8.5), size=8.5, color=SOFT)
    starts = [
        _MARGIN + _NAMES + start
        for start in itertools.accumulate((w + _GAP for w in sheet.widths), initial=0)
    ]
    for j, row in enumerate(rows):
        y = _MARGIN + _HEAD + j * down
        _write_name(paper, y, row)
        for column, example in sheet.placed(row):
            x = starts[column] + (line if column >= sheet.left else 0.0)
            sheet.draw(paper, x, y, example)
    if sheet.left:
        x = starts[sheet.left]
        paper.plot([x, x], [_MARGIN + _HEAD, height - _MARGIN], color=SOFT, lw=0.8)
    paper.set(xlim=(0, width), ylim=(height, 0))
    return _png(figure)


class _Sheet:
    """The columns of a sheet; examples of unlike media have panels of unlike size.

    Attributes:
        left: columns before the line.
        widths: of the columns, in inches.
        height: of a row.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.left = max(len(row.before) for row in rows)
        every = [example for row in rows for _, example in self.placed(row)]
        media = dict.fromkeys(one.media for one in every)
        self._panels = {kind: PANELS[kind]([one for one in every if one.media == kind]) for kind in media}
        self._places = {
            id(one): nth for kind in media for nth, one in enumerate(o for o in every if o.media == kind)
        }
        self.height = max(panel.height for panel in self._panels.values())
        columns = max(column for row in rows for column, _ in self.placed(row)) + 1
        self.widths = [0.0] * columns
        for row in rows:
            for column, one in self.placed(row):
                self.widths[column] = max(self.widths[column], self._panels[one.media].width)

    def placed(self, row: Row) -> list[tuple[int, Presentation]]:
        """A row's examples with their columns."""
        return [*enumerate(row.before), *enumerate(row.examples, self.left)]

    def draw(self, paper: Any, x: float, y: float, example: Presentation) -> None:
        """An example with its upper left corner at x, y."""
        panel = self._panels[example.media]
        panel.draw(paper, Box(x, y, panel.width, panel.height), self._places[id(example)])


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
