"""Class lists in a JSON file: one split, or several folds of one."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from kshot.errors import DataError, listing, nearest
from kshot.splits.options import SYNONYMS, ClassSplit, FileSplit


def read_folds(split: FileSplit, folder: Path) -> tuple[Path, ClassSplit]:
    """The file that was found and the class lists in it.

    Args:
        split: file and fold, and which of its lists are wanted as what.
        folder: where a relative path is looked for when the current folder does not hold it.

    Raises:
        DataError: the file is missing, is not such a file, or holds no such fold or list.
    """
    path = _find(split.file, folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected {_EXPECTED}, found a {type(content).__name__}")
    lists = _class_lists(path, _choose(path, cast("dict[str, Any]", content), split.fold))
    return path, _joined(path, lists, split)


def as_spelt(split: ClassSplit, classes: Collection[str]) -> ClassSplit:
    """The lists of a file, each class spelt as the data spell it.

    A list travels between copies of a data set that differ in case and separators: ``alarm/set``,
    ``alarm_set``, ``Alarm set``. A name that the data have as it stands is left alone, and so is
    one that stands for none of their classes, or for several.
    """
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(_bare(name), []).append(name)

    def spelt(name: str) -> str:
        found = alike.get(_bare(name), [])
        return name if name in classes or len(found) != 1 else found[0]

    return ClassSplit(
        train=[spelt(name) for name in split.train],
        validation=[spelt(name) for name in split.validation],
        test=[spelt(name) for name in split.test],
    )


def _bare(name: str) -> str:
    """A name in lower case, each run of separators one space."""
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


_EXPECTED = '{"train": [class, …], "validation": […], "test": […]}, or such lists under the name of each fold'


def _find(file: str, folder: Path) -> Path:
    package, colon, inside = file.partition(":")
    spec = importlib.util.find_spec(package) if colon and package.isidentifier() else None
    if spec is not None and spec.submodule_search_locations:
        # Found without importing it: what a configuration names must not run.
        return Path(next(iter(spec.submodule_search_locations)), inside)
    given = Path(file).expanduser()
    for path in (given, folder / given):
        if path.is_file():
            return path
    known = [path.name for path in (folder / given).parent.glob("*.json")]
    raise DataError(
        f"the split's file {given} is neither in the current folder nor in {folder}"
        f"{nearest(given.name, known)}"
    )


def _choose(path: Path, content: Mapping[str, Any], fold: str | None) -> Mapping[str, Any]:
    folds = {
        name: cast("dict[str, Any]", value) for name, value in content.items() if isinstance(value, dict)
    }
    if fold is None:
        if folds:
            raise DataError(f"{path} holds several folds; name one of them as `fold`: {listing(folds)}")
        return content
    if fold in folds:
        return folds[fold]
    if not folds:
        raise DataError(f"{path} holds class lists but no folds; leave `fold: {fold}` out")
    raise DataError(f"{path} has no fold '{fold}' (it has: {listing(folds)}){nearest(fold, folds)}")


def _class_lists(path: Path, lists: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in lists.items():
        split = next((split for split, names in SYNONYMS.items() if key.casefold() in names), None)
        if split is None and not isinstance(value, list):
            continue  # a remark beside the lists
        if split is None or split in found or not _is_names(value):
            raise DataError(f"{path}: key '{key}' does not fit; expected {_EXPECTED}")
        found[split] = [str(name) for name in cast("list[Any]", value)]
    return found


def _joined(path: Path, lists: Mapping[str, list[str]], split: FileSplit) -> ClassSplit:
    """The lists that were asked for as each split; else its own, where no other split takes it."""
    for part, wanted in split.taken.items():
        if part not in lists:
            raise DataError(f"{path}: no list '{part}', asked for as {wanted} (it has: {listing(lists)})")
    joined: dict[str, list[str]] = {}
    for name in SYNONYMS:
        parts = getattr(split, name) or ([] if name in split.taken else [name])
        joined[name] = [label for part in parts for label in lists.get(part, ())]
    if not joined["test"]:
        raise DataError(f"{path}: no classes for test; expected {_EXPECTED}")
    return ClassSplit(**joined)


def _is_names(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return all(isinstance(one, str | int) and not isinstance(one, bool) for one in cast("list[Any]", value))
