"""From the ``split`` option to the rows of each split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kshot.errors import DataError, listing, nearest
from kshot.shapes import SPLITS, Split
from kshot.splits.folds import as_spelt, read_folds
from kshot.splits.options import (
    DEFAULT_SPLIT,
    FORMS,
    SYNONYMS,
    ClassSplit,
    ColumnSplit,
    FileSplit,
    FractionSplit,
    SplitOptions,
)


def assign(
    split: SplitOptions | None,
    labels: Sequence[str | None],
    *,
    column: Callable[[str], Sequence[str | None]],
    folder: Path,
    where: str,
) -> dict[Split, list[int]]:
    """The rows of each split; their classes are disjoint.

    Args:
        split: the option; None stands for :data:`DEFAULT_SPLIT`.
        labels: class of each row. Rows without one are left out, except where a column says to
            which split they belong.
        column: reads another column of the same rows.
        folder: where a relative file is looked for when the current folder does not hold it.
        where: name of the data, for messages.

    Returns:
        Row numbers in ascending order for ``"train"``, ``"validation"`` and ``"test"``; empty where a
        split was asked to be.

    Raises:
        DataError: a split that does not fit the data, or whose classes overlap.
    """
    if isinstance(split, str):
        raise DataError(f"{where}: no published split '{split}' is known for a table; a split is {FORMS}")
    if isinstance(split, ColumnSplit):
        rows = _by_value(split, column(split.column), where)
        mend = f"; column '{split.column}' does not split classes: use class lists or fractions"
        seen = {name: {labels[row] for row in members} for name, members in rows.items()}
        _check_disjoint(seen, where, mend)
        return rows
    known = {label for label in labels if label is not None}
    classes = _by_class(split or DEFAULT_SPLIT, known, folder, where)
    _check_disjoint(classes, where, "; put each into one of them")
    return {
        name: [row for row, label in enumerate(labels) if label in chosen] for name, chosen in classes.items()
    }


def _by_value(split: ColumnSplit, values: Sequence[str | None], where: str) -> dict[Split, list[int]]:
    present = {value for value in values if value is not None}
    wanted = {name: _wanted(split, name, present, where) for name in SPLITS}
    return {name: [row for row, value in enumerate(values) if value in wanted[name]] for name in SPLITS}


def _wanted(split: ColumnSplit, name: Split, present: Collection[str], where: str) -> set[str]:
    """The column's values that stand for a split."""
    has = f"{where}: column '{split.column}' has no value"
    known = f"(it has: {listing(sorted(present))})"
    given: list[str] | None = getattr(split, name)
    if given is not None:
        absent = [value for value in given if value not in present]
        if absent:
            raise DataError(f"{has} '{absent[0]}', asked for as {name} {known}{nearest(absent[0], present)}")
        return set(given)
    for usual in SYNONYMS[name]:
        found = {value for value in present if value.casefold() == usual} - set(split.taken)
        if found:
            return found
    if name == "validation":
        return set()
    raise DataError(f"{has} '{name}' {known}; say which stands for it: {{column: {split.column}, {name}: …}}")


def _by_class(
    split: ClassSplit | FileSplit | FractionSplit, classes: Collection[str], folder: Path, where: str
) -> dict[Split, set[str]]:
    if isinstance(split, FractionSplit):
        return _by_fraction(split, classes, where)
    origin = "the split"
    if isinstance(split, FileSplit):
        path, split = read_folds(split, folder)
        split = as_spelt(split, classes)
        origin = str(path)
    listed: dict[Split, set[str]] = {
        "train": set(split.train),
        "validation": set(split.validation),
        "test": set(split.test),
    }
    absent = sorted({name for names in listed.values() for name in names} - set(classes))
    if absent:
        raise DataError(
            f"{where}: {origin} lists classes that the data do not have: {listing(absent)} "
            f"(they have {len(classes)}: {listing(sorted(classes), 6)}){nearest(absent[0], classes)}"
        )
    return listed


def _by_fraction(split: FractionSplit, classes: Collection[str], where: str) -> dict[Split, set[str]]:
    order = sorted(classes, key=lambda name: (hashlib.sha256(f"{split.seed}:{name}".encode()).digest(), name))
    train, validation, test = split.fractions
    first = int(len(order) * train + 0.5)
    second = int(len(order) * (train + validation) + 0.5)
    if (train and first == 0) or (test and second == len(order)):
        raise DataError(
            f"{where}: {len(order)} classes are too few for fractions {split.fractions}: "
            "train and test need one at least; list the classes of each split, or add data"
        )
    return {"train": set(order[:first]), "validation": set(order[first:second]), "test": set(order[second:])}


def _check_disjoint(classes: Mapping[Any, Iterable[str | None]], where: str, mend: str) -> None:
    owners: dict[str, list[str]] = {}
    for split, names in classes.items():
        for name in names:
            if name is not None:
                owners.setdefault(name, []).append(split)
    places = {name: " and ".join(splits) for name, splits in sorted(owners.items()) if len(splits) > 1}
    if not places:
        return
    shared = {
        place: listing([f"'{name}'" for name, at in places.items() if at == place], 6)
        for place in sorted(set(places.values()))
    }
    named = "; ".join(f"{place} share {names}" for place, names in shared.items())
    raise DataError(f"{where}: classes of different splits must differ, but {named}{mend}")
