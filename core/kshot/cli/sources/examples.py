"""The examples of a contact sheet: spread evenly over a split, drawn for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kshot.errors import DataError
from kshot.interfaces import Presentation, Source
from kshot.report.contact import Row
from kshot.sampling import Catalogue

ROWS = 8
COLUMNS = {"image/png": 8, "audio/wav": 6, "text/plain": 4}
"""Examples of each class: a text needs more room than a picture."""


def sheet_rows(source: Source, catalogue: Catalogue) -> list[Row]:
    """Up to eight classes of a split, each with some of its examples.

    Raises:
        DataError: an example that cannot be read, or a kind of presentation that nobody can draw.
    """
    rows: list[Row] = []
    for number in _spread(len(catalogue.classes), ROWS):
        start, stop = catalogue.offsets[number : number + 2].tolist()
        shown: list[Presentation] = []
        for positions in parted(catalogue, start, stop):
            first = _present(source, catalogue, positions[0])
            columns = COLUMNS.get(first.media)
            if columns is None:
                raise DataError(f"no sheet can be drawn of {first.media}")
            others = [positions[place] for place in _spread(len(positions), columns)[1:]]
            shown += [first, *(_present(source, catalogue, position) for position in others)]
        note = "1 example" if stop - start == 1 else f"{stop - start:,} examples"
        rows.append(Row(catalogue.classes[number], note, shown))
    return rows


def parted(catalogue: Catalogue, start: int, stop: int) -> list[list[int]]:
    """The positions of a class, those of each part by themselves."""
    positions = np.arange(start, stop)
    if catalogue.blocks is None:
        return [positions.tolist()]
    return [positions[one].tolist() for one in catalogue.blocks.grouped(positions)]


def _present(source: Source, catalogue: Catalogue, position: int) -> Presentation:
    return source.present(source.fetch(int(catalogue.rows[position])))


def _spread(count: int, most: int) -> Sequence[int]:
    """Numbers below ``count``, evenly spread, the first of them 0."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
