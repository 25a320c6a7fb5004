"""What people hand over: sequences of things and labels, read into raw examples."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np

from kshot.errors import InputError, UnusableError, listing
from kshot.interfaces import Reader

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Of these Python makes bytes of the command line that are not UTF-8; no file can hold them."""

_MEDIA = ("text", "image", "img", "audio", "sentence", "path", "file")
"""Columns of a Hugging Face data set or a ``DataFrame`` that hold its examples, the first that is there."""


def things_of(X: Any, labels: str | None = None) -> Sequence[Any]:  # noqa: N803 (scikit-learn's own name)
    """Examples as a sequence; of a Hugging Face ``Dataset`` or a pandas ``DataFrame`` its column of
    media, and of a ``DataFrame`` without one its rows.

    Args:
        X: what was handed over.
        labels: the column of a ``DataFrame`` that holds their labels, which is no part of a row.

    Raises:
        InputError: a single example where several are meant, a mapping, or no column of examples.
    """
    if isinstance(X, str | bytes):
        raise InputError("a single text or file was given where several are meant; put it into a list: [it]")
    if isinstance(X, Mapping):  # whose keys an iteration would give
        keys = [str(key) for key in cast("Mapping[Any, Any]", X)]
        best = next((name for name in _MEDIA if name in keys), keys[0] if keys else "…")
        raise InputError(
            f"a {type(X).__name__} was given where a list of examples is meant; give X[{best!r}]"
        )
    columns = getattr(X, "column_names", None)
    if isinstance(columns, list):
        there = cast("list[str]", columns)
        for name in _MEDIA:
            if name in there:
                return list(X[name])
        raise InputError(f"the data set has no column of examples ({listing(_MEDIA)}); give X=data['…']")
    if hasattr(X, "tocsr"):
        raise InputError("sparse matrices are not supported; give dense examples: X.toarray()")
    if (
        hasattr(X, "iloc") and getattr(X, "ndim", 1) == 2
    ):  # of a DataFrame an iteration gives the columns' names
        named = [name for name in _MEDIA if name in X.columns]
        rows = X if named or labels is None else X.drop(columns=[labels])
        return list(X[named[0]] if named else np.asarray(rows))
    if not isinstance(X, Iterable) and hasattr(X, "__array__"):
        return list(np.asarray(X))
    if not isinstance(X, Iterable):
        raise InputError(f"a {type(X).__name__} was given where a list of examples is meant")
    return list(cast("Iterable[Any]", X))


def labels_of(X: Any, y: Any) -> tuple[str, ...]:  # noqa: N803
    """Names of classes; numbers become their digits, numbers of a ``ClassLabel`` their names.

    Args:
        X: examples; of a Hugging Face ``Dataset`` or a pandas ``DataFrame`` a column may be named.
        y: n labels, or the name of that column; none: ``label``.

    Raises:
        InputError: no labels, or one that is no name.
    """
    if y is None or isinstance(y, str):
        y = _column(X, y)
    if not isinstance(y, Iterable) and hasattr(y, "__array__"):
        y = np.asarray(y)
    return tuple(_name(label, number) for number, label in enumerate(y))


def _column(X: Any, name: str | None) -> Any:  # noqa: N803
    """The column of labels of a ``Dataset`` or a ``DataFrame``."""
    is_frame = hasattr(X, "iloc") and getattr(X, "ndim", 1) == 2
    columns: Any = list(X.columns) if is_frame else getattr(X, "column_names", None)
    if not isinstance(columns, list):
        raise InputError(
            "labels are missing; call fit(examples, labels)"
            if name is None
            else f"labels are one string, {name!r}, where one for each example is meant; put them into a list"
        )
    column = name or "label"
    if column not in columns:
        there = listing([str(one) for one in cast("list[Any]", columns)])
        raise InputError(f"the data set has no column '{column}'; it has {there}")
    to_name = None if is_frame else getattr(X.features[column], "int2str", None)
    return [to_name(value) for value in X[column]] if to_name else X[column]


def name_of(label: Any) -> str:
    """The name of a class by what stands for it: 3 is ``"3"``."""
    return str(_plain(label))


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _name(label: Any, number: int) -> str:
    value, name = _plain(label), name_of(label)
    # Tables have numbers and times of these names where a cell is empty.
    missing = value is None or (name in ("nan", "NaT", "<NA>") and not isinstance(value, str))
    if missing or not name.strip():
        raise InputError(f"label {number} is empty; every example needs the name of its class")
    if _SURROGATE.search(name):
        raise InputError(
            f"label {number}, {name!r}, holds what UTF-8 has no bytes for; give the class another name"
        )
    return name


def read_each(reader: Reader, things: Sequence[Any]) -> tuple[dict[int, Any], dict[int, str]]:
    """Things → the raw examples of those that can be used, and what is wrong with each other one, by number."""
    raw: dict[int, Any] = {}
    reasons: dict[int, str] = {}
    for number, thing in enumerate(things):
        try:
            raw[number] = reader.read(thing)
        except (ValueError, OSError) as error:
            reasons[number] = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return raw, reasons


@dataclass(frozen=True, eq=False)
class Given:
    """Raw examples, and what to call them where one cannot be used.

    Attributes:
        raw: n raw examples.
        things: what they were read from.
        who: to whom they were given, such as ``fit``.
    """

    raw: Sequence[Any]
    things: Sequence[Any]
    who: str

    @classmethod
    def read(cls, reader: Reader, things: Sequence[Any], who: str) -> Self:
        """All of some things.

        Raises:
            UnusableError: some cannot be used; tells their numbers, and the files of those that are files.
        """
        raw, reasons = read_each(reader, things)
        if reasons:
            raise UnusableError(who, reasons, _names(things))
        return cls(list(raw.values()), things, who)

    @contextmanager
    def told(self) -> Generator[None]:
        """Where an encoder looks at them, which knows them by their numbers alone.

        Raises:
            UnusableError: it was raised inside; tells the files of those that are files.
        """
        try:
            yield
        except UnusableError as error:
            raise UnusableError(self.who, error.reasons, _names(self.things)) from error


def _names(things: Sequence[Any]) -> list[str]:
    return [
        f"example {number} ({thing})" if hasattr(thing, "__fspath__") else f"example {number}"
        for number, thing in enumerate(things)
    ]
