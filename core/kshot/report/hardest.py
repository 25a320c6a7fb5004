"""Which classes are taken for one another most, and how often where both are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes

MOST: Final = 12
"""Classes of a confusion at most."""

_DOUBT: Final = 20.0
"""Queries without a mistake that every pair of classes is credited with, so that a pair that met
once and was confused once does not lead."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often one class was taken for another.

    Attributes:
        classes: names of the n classes, those next to one another that are confused.
        asked: (n, n) queries of the row's class in episodes where the column's class was too.
        said: (n, n) how many of them were taken for the column's class.
        total: number of classes that these were chosen from.
    """

    classes: tuple[str, ...]
    asked: NDArray[Any]
    said: NDArray[Any]
    total: int


def hardest(outcomes: Sequence[Outcomes], most: int = MOST) -> Confusion | None:
    """Count confusions, and choose the classes of the pairs that are confused most often.

    A query can only be taken for a class of its own episode, so counts are compared with the
    queries of episodes in which both classes were asked for.

    Args:
        outcomes: of one shape, over the same classes.
        most: classes to choose.

    Returns:
        None where there are no outcomes, or no query was mistaken.
    """
    if not outcomes:
        return None
    total = len(outcomes[0].classes)
    asked = np.zeros((total, total))
    said = np.zeros((total, total))
    for one in outcomes:
        asked += _asked(one)
        said += _count(one.labels, one.predicted, total, total)
    chosen = list(range(total)) if total <= most else _chosen(asked, said, most)
    mistaken = said.sum() - np.trace(said)
    if not chosen or mistaken == 0:
        return None
    at = np.ix_(chosen, chosen)
    names = tuple(outcomes[0].classes[number] for number in chosen)
    return Confusion(names, asked[at], said[at], total)


def _asked(one: Outcomes) -> NDArray[Any]:
    """(C, C) queries of the row's class in episodes of the column's class."""
    total = len(one.classes)
    queries = _count(one.episode, one.labels, len(one.queries), total)
    return queries.T @ (queries > 0).astype(queries.dtype)


def _count(rows: NDArray[Any], columns: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(height, width) how often each row met each column."""
    flat = rows.astype(np.int64) * width + columns
    return np.bincount(flat, minlength=height * width).reshape(height, width).astype(np.float32)


def _chosen(asked: NDArray[Any], said: NDArray[Any], most: int) -> list[int]:
    """The classes of the most confused pairs, in the order in which they are found."""
    both = said + said.T
    share = np.triu(both / (asked + asked.T + _DOUBT), k=1)
    found: dict[int, None] = {}
    for pair in _falling(share):
        if len(found.keys() | set(pair)) <= most:
            found |= dict.fromkeys(pair)
        if len(found) == most:
            break
    return list(found)


def _falling(share: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Row and column of all positive entries, the largest first; equal ones in their order."""
    rows, columns = np.nonzero(share)
    order = np.argsort(-share[rows, columns], kind="stable")
    pairs: Iterable[tuple[int, int]] = zip(rows[order].tolist(), columns[order].tolist(), strict=True)
    yield from pairs
