"""Shell patterns over the ids of cells, and the nearest one where a pattern matches nothing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from kshot.errors import listing, nearest

Parts = tuple[str, str, str, str]
"""Ids of learner, encoder and source, and the seed; joined by dots they are the cell's id."""


def matches(cell: Parts, patterns: Sequence[str]) -> bool:
    """True where one of the patterns matches the cell's id."""
    return any(fnmatchcase(".".join(cell), pattern) for pattern in patterns)


def no_match(pattern: str, cells: Sequence[Parts]) -> str:
    """For an error: that a pattern matches none of the cells; the nearest one that does, or what there is."""
    close = nearest(pattern, dict.fromkeys(one for cell in cells for one in _patterns(cell)))
    there = "" if close else f"; the cells are {listing(map('.'.join, cells))}"
    return f"no cell matches '{pattern}'{close or there}"


def _patterns(cell: Parts) -> Iterator[str]:
    """The cell's id with some of its parts, or none, left open."""
    for chosen in itertools.product(*((part, "*") for part in cell)):
        yield re.sub(r"\*(\.\*)+", "*", ".".join(chosen))
