"""What people hand over: sequences of things and labels, read into raw examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from kshot.errors import KshotError, listing
from kshot.interfaces import Reader

_MEDIA = ("text", "image", "img", "audio", "sentence")
"""Columns of a Hugging Face data set that hold its examples, the first that is there."""


def things_of(X: Any) -> Sequence[Any]:  # noqa: N803 (scikit-learn's own name)
    """Examples as a sequence; of a Hugging Face ``Dataset`` its column of media.

    Raises:
        KshotError: a single example where several are meant, or no column of examples.
    """
    if isinstance(X, str | bytes):
        raise KshotError("a single text or file was given where several are meant; put it into a list: [it]")
    columns = getattr(X, "column_names", None)
    if isinstance(columns, list):
        there = cast("list[str]", columns)
        for name in _MEDIA:
            if name in there:
                return list(X[name])
        raise KshotError(f"the data set has no column of examples ({listing(_MEDIA)}); give X=data['…']")
    if not isinstance(X, Iterable):
        raise KshotError(f"a {type(X).__name__} was given where a list of examples is meant")
    return list(cast("Iterable[Any]", X))


def labels_of(X: Any, y: Any) -> tuple[str, ...]:  # noqa: N803
    """Names of classes; numbers become their digits, numbers of a ``ClassLabel`` their names.

    Raises:
        KshotError: no labels, or one that is no name.
    """
    columns = getattr(X, "column_names", None)
    if isinstance(columns, list) and (y is None or isinstance(y, str)):
        column = y or "label"
        if column not in columns:
            raise KshotError(
                f"the data set has no column '{column}'; it has {listing(cast('list[str]', columns))}"
            )
        feature = X.features[column]
        y = [feature.int2str(value) for value in X[column]] if hasattr(feature, "int2str") else X[column]
    if y is None:
        raise KshotError("labels are missing; call fit(examples, labels)")
    return tuple(_name(label, number) for number, label in enumerate(y))


def _name(label: Any, number: int) -> str:
    name = str(label.item() if hasattr(label, "item") else label)
    if label is None or not name.strip():
        raise KshotError(f"label {number} is empty; every example needs the name of its class")
    return name


def read_all(reader: Reader, things: Sequence[Any], who: str) -> list[Any]:
    """Things → raw examples.

    Raises:
        KshotError: one cannot be used; names its number, and the file where it is one.
    """
    raw: list[Any] = []
    for number, thing in enumerate(things):
        try:
            raw.append(reader.read(thing))
        except (ValueError, OSError) as error:
            named = f" ({thing})" if hasattr(thing, "__fspath__") else ""
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            raise KshotError(f"{who}: example {number}{named} cannot be used: {reason}") from error
    return raw
