"""Pillow's warnings, held back where kshot reads a picture: it is taken as it is, or refused by a message of its own.

They tell a line of Pillow's source and no file. ``warnings.catch_warnings`` changes what all threads warn of and
forgets what was told before, and pictures are decoded on many threads; so a filter stands by that fits in threads
that are reading.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Generator
from typing import Any, cast, final


@final
class _Reading(threading.local):
    """Takes the place of a pattern of modules' names in a filter."""

    depth = 0

    def match(self, module: str) -> bool:
        """True for any module, while this thread reads a picture."""
        del module
        return self.depth > 0

    def __reduce__(self) -> str:
        """The same in another process, to which scikit-learn sends the filters."""
        return "_reading"


_reading = _Reading()
_FILTER = ("ignore", None, Warning, _reading, 0)


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Hold back what this thread warns of."""
    filters = cast("list[Any]", warnings.filters)
    if filters[:1] != [_FILTER]:  # others put theirs before it, or took it away
        with contextlib.suppress(ValueError):
            filters.remove(_FILTER)
        filters.insert(0, _FILTER)
    _reading.depth += 1
    try:
        yield
    finally:
        _reading.depth -= 1
