"""The catalogues of a table's splits."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from kshot.errors import DataError
from kshot.interfaces import Split
from kshot.sampling import Catalogue
from kshot.splits import ColumnSplit, SplitOptions, assign
from kshot.tables.part import Part


def build_catalogues(
    parts: Sequence[Part],
    name: str,
    split: SplitOptions | None,
    class_groups: Sequence[str],
    example_groups: Sequence[str],
) -> dict[Split, Catalogue]:
    """The catalogue of each split that has rows; rows are numbered through all parts.

    Args:
        parts: files and folders.
        name: of them all, for messages.
        split: the classes of each split.
        class_groups: columns with one value per class.
        example_groups: columns of the examples' groups.

    Raises:
        DataError: a row without class or content, a split that does not fit, a class with two
            values of a class group.
    """
    rows = _Rows(parts)
    labels = rows.labels()
    if not isinstance(split, ColumnSplit):
        rows.require(labels, range(len(labels)))
    members = assign(split, labels, column=rows.column, folder=parts[0].folder, where=name)
    used = sorted(row for one in members.values() for row in one)
    classes = rows.require(labels, used)
    version = rows.inspect(used)
    of_classes = {group: _one_per_class(rows, group, used, classes) for group in class_groups}
    of_examples = {
        group: dict(zip(used, rows.require(rows.column(group), used, group), strict=True))
        for group in example_groups
    }
    class_of = dict(zip(used, classes, strict=True))
    return {
        one: Catalogue.build(
            [class_of[row] for row in chosen],
            [rows.key(row) for row in chosen],
            version=version,
            rows=chosen,
            class_groups=of_classes,
            example_groups={group: [values[row] for row in chosen] for group, values in of_examples.items()},
        )
        for one, chosen in members.items()
        if chosen
    }


class _Rows:
    """The rows of all parts, numbered through."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]
        self._at = [(number, inner) for number, part in enumerate(parts) for inner in range(len(part))]

    def labels(self) -> list[str | None]:
        return [value for part in self._parts for value in part.labels()]

    def column(self, name: str) -> list[str | None]:
        return [value for part in self._parts for value in part.column(name)]

    def place(self, row: int, column: str | None) -> str:
        number, inner = self._at[row]
        part = self._parts[number]
        return part.place(inner, column or part.label)

    def key(self, row: int) -> str:
        number, inner = self._at[row]
        key = self._parts[number].key(inner)
        return key if len(self._parts) == 1 else f"{number:04d}/{key}"

    def inspect(self, rows: Sequence[int]) -> str:
        """Content version of all parts; ``rows`` in ascending order."""
        versions: list[str] = []
        for part, start, stop in zip(self._parts, self._starts[:-1], self._starts[1:], strict=True):
            inner = rows[bisect_left(rows, start) : bisect_left(rows, stop)]
            versions.append(part.inspect([row - start for row in inner]))
        return "table:" + hashlib.sha256("\n".join(versions).encode()).hexdigest()

    def require(
        self, values: Sequence[str | None], rows: Sequence[int], column: str | None = None
    ) -> list[str]:
        """The values of some rows of a column, by default of the class's; none may be missing."""
        found: list[str] = []
        for row in rows:
            value = values[row]
            if value is None:
                raise DataError(f"{self.place(row, column)}: the cell is empty; mend or remove the row")
            found.append(value)
        return found


def _one_per_class(rows: _Rows, group: str, used: Sequence[int], classes: Sequence[str]) -> dict[str, str]:
    values = rows.require(rows.column(group), used, group)
    found: dict[str, tuple[str, int]] = {}
    for row, name, value in zip(used, classes, values, strict=True):
        first, at = found.setdefault(name, (value, row))
        if first != value:
            raise DataError(
                f"class '{name}' has two values in the class group '{group}': '{first}' "
                f"({rows.place(at, group)}) and '{value}' ({rows.place(row, group)}); a class has one"
            )
    return {name: value for name, (value, _) in found.items()}
