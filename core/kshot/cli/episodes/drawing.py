"""An episode as a picture: a row for each class, its support left of a line and queries right of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kshot.cli.episodes.asked import Asked
from kshot.errors import DataError
from kshot.interfaces import Presentation
from kshot.report.contact import Row, contact_sheet

MOST = {"image/png": (5, 8), "audio/wav": (3, 3), "text/plain": (2, 2)}
"""Support and query examples of a class that are drawn, of each media type."""


def episode_sheet(asked: Asked, number: int) -> bytes:
    """Draw an episode as a PNG file.

    Raises:
        DataError: an example that cannot be read, or a kind of presentation that nobody can draw.
        ValueError: an example is not of the media type that it claims.
    """
    rows: list[Row] = []
    for name, support, query in asked.sides(number):
        before, after = _some(asked, support, 0), _some(asked, query, 1)
        rows.append(Row(name, f"{len(support)} support, {len(query)} query", after, before))
    title = f"{asked.part.id}, {asked.sampler.split} episode {number}"
    subtitle = f"{asked.sampler.shape.asked} · support left of the line, queries right of it"
    return contact_sheet(title, subtitle, rows)


def _some(asked: Asked, rows: Sequence[int], side: int) -> list[Presentation]:
    """The first examples of each media type; those of one type stand together."""
    shown: list[Presentation] = []
    counts = Counter[str]()
    most = max(sides[side] for sides in MOST.values())
    blocks = asked.sampler.catalogue.blocks
    for row in rows if blocks else rows[:most]:
        one = _present(asked, row)
        if one.media not in MOST:
            raise DataError(f"no picture can be drawn of {one.media}")
        counts[one.media] += 1
        if counts[one.media] <= MOST[one.media][side]:
            shown.append(one)
    return shown


def _present(asked: Asked, row: int) -> Presentation:
    return asked.source.present(asked.source.fetch(row))
