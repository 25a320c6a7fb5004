"""What people hand over: sequences of things and labels, read into raw examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from kshot.errors import InputError, listing
from kshot.interfaces import Reader

_MEDIA = ("text", "image", "img", "audio", "sentence")
"""Columns of a Hugging Face data set that hold its examples, the first that is there."""


def things_of(X: Any) -> Sequence[Any]:  # noqa: N803 (scikit-learn's own name)
    """Examples as a sequence; of a Hugging Face ``Dataset`` or a pandas ``DataFrame`` its column of
    media, and of a ``DataFrame`` without one its rows.

    Raises:
        InputError: a single example where several are meant, or no column of examples.
    """
    if isinstance(X, str | bytes):
        raise InputError("a single text or file was given where several are meant; put it into a list: [it]")
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
        return list(X[named[0]] if named else np.asarray(X))
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


def _name(label: Any, number: int) -> str:
    value = label.item() if hasattr(label, "item") else label
    name = str(value)
    # Tables have numbers and times of these names where a cell is empty.
    missing = value is None or (name in ("nan", "NaT", "<NA>") and not isinstance(value, str))
    if missing or not name.strip():
        raise InputError(f"label {number} is empty; every example needs the name of its class")
    return name


def read_all(reader: Reader, things: Sequence[Any], who: str) -> list[Any]:
    """Things → raw examples.

    Raises:
        InputError: one cannot be used; names its number, and the file where it is one.
    """
    raw: list[Any] = []
    for number, thing in enumerate(things):
        try:
            raw.append(reader.read(thing))
        except (ValueError, OSError) as error:
            named = f" ({thing})" if hasattr(thing, "__fspath__") else ""
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            raise InputError(f"{who}: example {number}{named} cannot be used: {reason}") from error
    return raw
