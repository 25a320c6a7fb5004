"""Which colour a learner has throughout the page, and which mark and dash an encoder has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from kshot.report.markup import Html, element, name
from kshot.results import Results

COLOURS = 10
"""Colours of the style sheet; further learners begin anew."""

_DASHES = ("", "5 3", "1.5 3", "8 3 1.5 3")
_MARKS = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0Z",
    "M-3.3-3.3H3.3V3.3H-3.3Z",
    "M0-4.4L4.2 3H-4.2Z",
    "M0-4.8L4.4 0L0 4.8L-4.4 0Z",
    "M0 4.4L4.2-3H-4.2Z",
    "M-4-1.3H-1.3V-4H1.3V-1.3H4V1.3H1.3V4H-1.3V1.3H-4Z",
)


def colour(number: int) -> str:
    """The class of a colour."""
    return f"c{number % COLOURS}"


@final
class Palette:
    """Colours by learner, marks by encoder; equal in every drawing of a page."""

    def __init__(self, results: Results) -> None:
        self._learners = list(dict.fromkeys(cell.learner for cell in results.cells))
        self._encoders: dict[str, int] = {}
        for modality in dict.fromkeys(cell.modality for cell in results.cells):
            own = dict.fromkeys(cell.encoder for cell in results.cells if cell.modality == modality)
            self._encoders |= {encoder: number for number, encoder in enumerate(own)}

    def colour(self, learner: str) -> str:
        """The class of a learner's colour."""
        return colour(self._learners.index(learner))

    def dash(self, encoder: str) -> str | None:
        """The ``stroke-dasharray`` of an encoder's lines."""
        return _DASHES[self._encoders[encoder] % len(_DASHES)] or None

    def mark(self, encoder: str) -> str:
        """The ``d`` of an encoder's mark around the origin, some 8 units wide."""
        return _MARKS[self._encoders[encoder] % len(_MARKS)]

    def learners(self) -> Html:
        """A legend of all learners."""
        entries = [
            element("span", element("i", class_="swatch"), name(learner), class_=colour(number))
            for number, learner in enumerate(self._learners)
        ]
        return element("p", *entries, class_="legend")

    def lines(self, encoders: Iterable[str]) -> Html:
        """A legend of encoders' lines."""
        return _legend((self._line(encoder), encoder) for encoder in encoders)

    def marks(self, encoders: Iterable[str]) -> Html:
        """A legend of encoders' marks."""
        return _legend((self._mark(encoder), encoder) for encoder in encoders)

    def _line(self, encoder: str) -> Html:
        line = element("path", d="M0 5H26", stroke_dasharray=self.dash(encoder), class_="line")
        return element("svg", line, viewBox="0 0 26 10", class_="sample", aria_hidden="true")

    def _mark(self, encoder: str) -> Html:
        mark = element("path", d=self.mark(encoder))
        return element("svg", mark, viewBox="-6 -6 12 12", class_="sample mark", aria_hidden="true")


def _legend(entries: Iterable[tuple[Html, str]]) -> Html:
    return element("p", *(element("span", sample, name(title)) for sample, title in entries), class_="legend")
