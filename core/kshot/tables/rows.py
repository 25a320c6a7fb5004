"""The rows of all parts of a table source, numbered through."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, final

from kshot.errors import DataError
from kshot.tables.part import Part


@final
class Rows:
    """Rows 0 … n-1; numbers run on from part to part.

    Args:
        parts: files and folders, one at least.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._starts = [0, *accumulate(len(part) for part in parts)]

    def __len__(self) -> int:
        return self._starts[-1]

    def labels(self) -> list[str | None]:
        """Class of each row, None where it is missing."""
        return [value for part in self._parts for value in part.labels()]

    def column(self, name: str) -> list[str | None]:
        """Another column as text, None where a value is missing."""
        return [value for part in self._parts for value in part.column(name)]

    def cell(self, row: int, column: str | None) -> str:
        """A cell, for messages; of no column the class's."""
        part, inner = self._at(row)
        return part.place(inner, column or part.label)

    def place(self, row: int) -> str:
        """Where a row's content lies, for messages."""
        part, inner = self._at(row)
        return part.place(inner, part.media)

    def key(self, row: int) -> str:
        """Name of a row's example, unique in its class and the same on every machine."""
        part, inner = self._at(row)
        key = part.key(inner)
        return key if len(self._parts) == 1 else f"{self._number(row):04d}/{key}"

    def read(self, row: int) -> bytes | str:
        """Content of a row.

        Raises:
            DataError: it is missing or cannot be read.
        """
        part, inner = self._at(row)
        return part.read(inner)

    def decoded(self, row: int, content: bytes | str, decode: Callable[[Any], Any]) -> Any:
        """A row's content as ``decode`` understands it.

        Raises:
            DataError: it does not; the message says where.
        """
        try:
            return decode(content)
        except (ValueError, OSError) as error:
            raise DataError(f"{self.place(row)}: cannot be decoded: {error}") from error

    def inspect(self, rows: Sequence[int]) -> str:
        """Content version of all parts; ``rows`` in ascending order.

        Raises:
            DataError: one of these rows has no content.
        """
        versions: list[str] = []
        for part, start, stop in zip(self._parts, self._starts[:-1], self._starts[1:], strict=True):
            inner = rows[bisect_left(rows, start) : bisect_left(rows, stop)]
            versions.append(part.inspect([row - start for row in inner]))
        return "table:" + hashlib.sha256("\n".join(versions).encode()).hexdigest()

    def _at(self, row: int) -> tuple[Part, int]:
        """The part that holds a row, and the row's number in it."""
        number = self._number(row)
        return self._parts[number], row - self._starts[number]

    def _number(self, row: int) -> int:
        number = bisect_right(self._starts, row) - 1
        if row < 0 or number >= len(self._parts):
            raise IndexError(f"row {row} of {len(self)}")
        return number
