"""The catalogues of a table's splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kshot.errors import DataError, nearest
from kshot.interfaces import Split
from kshot.sampling import Catalogue
from kshot.splits import ColumnSplit, SplitOptions, assign
from kshot.tables.rows import Rows
from kshot.tables.screening import Screen

Column = Sequence[str | None]


def build_catalogues(
    rows: Rows,
    name: str,
    folder: Path,
    split: SplitOptions | None,
    class_groups: Sequence[str],
    example_groups: Sequence[str],
    screen: Screen,
    out_of_scope: str | None = None,
) -> tuple[dict[Split, Catalogue], Catalogue | None]:
    """The catalogue of each split that has rows, and that of examples which belong to no class.

    Args:
        rows: of all parts.
        name: of them all, for messages.
        folder: where a file of folds is looked for.
        split: the classes of each split.
        class_groups: columns with one value per class.
        example_groups: columns of the examples' groups.
        screen: hears of rows that cannot serve, without class, group or content.
        out_of_scope: label of the examples that belong to no class. Where a column splits rows, they are
            those of the test split; else all.

    Raises:
        DataError: a split that does not fit or is left without rows, a class with two values of a
            class group, and what ``screen`` raises.
    """
    labels = rows.labels()
    if not isinstance(split, ColumnSplit):
        screen.complete(rows, labels, range(len(labels)))
    outside = _outside(labels, out_of_scope, name)
    inside = [None if row in outside else label for row, label in enumerate(labels)]
    members = assign(split, inside, column=rows.column, folder=folder, where=name)
    asked = outside & set(members["test"]) if isinstance(split, ColumnSplit) else outside
    members: dict[Split, list[int]] = {
        one: [row for row in chosen if row not in outside] for one, chosen in members.items()
    }
    groups = {group: rows.column(group) for group in (*class_groups, *example_groups)}
    used = screen.complete(rows, labels, sorted(row for one in members.values() for row in one))
    used = screen.sound(rows, used)
    for group, values in groups.items():
        used = screen.complete(rows, values, used, group)
    kept = _kept(members, used, screen, name)
    _tell_lost(members, kept, labels, screen, name)
    version = rows.inspect(used)
    of_classes = {group: _one_per_class(rows, group, used, labels, groups[group]) for group in class_groups}
    catalogues: dict[Split, Catalogue] = {
        one: Catalogue.build(
            _values(labels, chosen),
            [rows.key(row) for row in chosen],
            version=version,
            rows=chosen,
            class_groups=of_classes,
            example_groups={group: _values(groups[group], chosen) for group in example_groups},
        )
        for one, chosen in kept.items()
    }
    return catalogues, _unclassed(rows, labels, screen.sound(rows, sorted(asked)))


def _outside(labels: Column, label: str | None, name: str) -> frozenset[int]:
    """The rows of a label; a data set's own may be missing in a copy, a misspelt one must not."""
    found = frozenset(row for row, own in enumerate(labels) if label is not None and own == label)
    close = nearest(label, {own for own in labels if own is not None}) if label and not found else ""
    if close:
        raise DataError(f"{name}: no row has the label '{label}', which is to be out of scope{close}")
    return found


def _unclassed(rows: Rows, labels: Column, chosen: Sequence[int]) -> Catalogue | None:
    """A catalogue with a version of its own, so that those of the splits are what they are without it."""
    if not chosen:
        return None
    keys = [rows.key(row) for row in chosen]
    return Catalogue.build(_values(labels, chosen), keys, version=rows.inspect(chosen), rows=chosen)


def _kept(
    members: Mapping[Split, Sequence[int]], used: Sequence[int], screen: Screen, name: str
) -> dict[Split, list[int]]:
    """The used rows of each split that has rows."""
    usable = frozenset(used)
    kept: dict[Split, list[int]] = {
        split: [row for row in chosen if row in usable] for split, chosen in members.items() if chosen
    }
    for split, chosen in kept.items():
        if not chosen:
            first = screen.refused[members[split][0]]
            raise DataError(f"{name}: no example of the {split} split can be used; the first: {first}")
    return kept


def _tell_lost(
    members: Mapping[Split, Sequence[int]],
    kept: Mapping[Split, Sequence[int]],
    labels: Column,
    screen: Screen,
    name: str,
) -> None:
    before, after = (
        {labels[row] for rows in one.values() for row in rows} - {None} for one in (members, kept)
    )
    if lost := sorted(label for label in before - after if label):
        screen.lose(f"{name}: classes without an example that can be used", lost)


def _values(column: Column, rows: Sequence[int]) -> list[str]:
    """The values of rows that have one."""
    return [value for row in rows if (value := column[row]) is not None]


def _one_per_class(
    rows: Rows, group: str, used: Sequence[int], labels: Column, column: Column
) -> dict[str, str]:
    found: dict[str, tuple[str, int]] = {}
    for row, name, value in zip(used, _values(labels, used), _values(column, used), strict=True):
        first, at = found.setdefault(name, (value, row))
        if first != value:
            raise DataError(
                f"class '{name}' has two values in the class group '{group}': '{first}' "
                f"({rows.cell(at, group)}) and '{value}' ({rows.cell(row, group)}); a class has one"
            )
    return {name: value for name, (value, _) in found.items()}
