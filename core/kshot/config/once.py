"""Lists in which nothing may stand twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable


def each_once(values: Iterable[Hashable]) -> None:
    """Refuse a list in which something stands twice.

    Raises:
        ValueError: naming what does.
    """
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]} stands twice; leave one out")
